//! The page, made from the ui tests: pure functions from texts to text.

/// A ui test: what is wrong, what rustc says, and what is right.
pub struct Mistake {
    /// The `.rs` file of the ui test; the comment at its top begins with the title.
    pub wrong: String,
    /// The `.stderr` beside it.
    pub answer: String,
    /// The file in `tests/ui/fixed`; the comment at its top explains.
    pub right: String,
}

impl Mistake {
    pub fn title(&self) -> String {
        split_title(&comment(&self.wrong)).0
    }

    pub fn paragraphs(&self) -> Vec<String> {
        let (title, more) = split_title(&comment(&self.wrong));
        let mut paragraphs = vec![
            format!("### {title}"),
            more,
            fence("rust,ignore", &code(&self.wrong)),
            fence("text", &answer(&self.answer)),
            comment(&self.right),
            fence("rust,ignore", &code(&self.right)),
        ];
        paragraphs.retain(|paragraph| !paragraph.is_empty());
        paragraphs
    }
}

/// One line for each public struct of `tests/ui_support` that is documented.
pub fn managers(source: &str) -> String {
    let lines: Vec<_> = source.lines().collect();
    let described = lines.windows(2).filter_map(|pair| {
        let [text, line] = pair else { return None };
        let text = text.strip_prefix("/// ")?;
        let name = line.strip_prefix("pub struct ")?.split(['(', ';', ' ']).next()?;
        Some(format!("- `{name}`: {}", lower_first(text)))
    });
    described.collect::<Vec<_>>().join("\n")
}

/// The anchor of a heading, as GitHub, mdBook and rustdoc make it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// The text of the `//!` comment at the top.
fn comment(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The first sentence, without its full stop, and what comes after it.
fn split_title(comment: &str) -> (String, String) {
    let first_line = comment.lines().next().unwrap_or_default();
    let end = first_line.find(". ").unwrap_or(first_line.len());
    let title = first_line[..end].trim_end_matches('.');
    let rest = comment[end..].trim_start_matches(['.', ' ']).trim();
    (title.to_owned(), rest.to_owned())
}

/// What a reader has to see of a file: without the comment at its top, imports, the managers, an empty `main`, and the test
/// with everything below it.
fn code(source: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut import_goes_on = false;
    for line in source.lines() {
        if matches!(line, "#[test]" | "#[tokio::test]") {
            break;
        }
        let import = line.starts_with("use ") || import_goes_on;
        import_goes_on = import && !line.ends_with(';');
        let boilerplate = ["//!", "#[path = ", "mod managers;", "fn main() {}"];
        if !import && !boilerplate.iter().any(|start| line.starts_with(start)) {
            kept.push(line);
        }
    }
    // What was cut leaves empty lines.
    kept.dedup_by(|below, above| below.is_empty() && above.is_empty());
    kept.join("\n").trim().to_owned()
}

/// What rustc says about the user's code, without what it adds about the inside of this crate.
fn answer(stderr: &str) -> String {
    let errors = stderr.split("\n\n").filter(|error| !error.starts_with("warning"));
    let errors = errors.map(|error| {
        let kept = parts(error).into_iter().filter(|part| !is_internal(part[0]));
        let mut lines: Vec<_> = kept.flatten().collect();
        // The gutter that led to a part that was cut.
        while lines.last().is_some_and(|line| line.trim() == "|") {
            lines.pop();
        }
        lines.join("\n")
    });
    errors.collect::<Vec<_>>().join("\n\n")
}

/// An error, its notes and its helps.
fn parts(error: &str) -> Vec<Vec<&str>> {
    let mut parts: Vec<Vec<&str>> = Vec::new();
    for line in error.lines() {
        let at_the_margin = ["error", "note:", "help:"].iter().any(|begin| line.starts_with(begin));
        let begins = at_the_margin || line.trim_start().starts_with("= ");
        match parts.last_mut() {
            Some(part) if !begins => part.push(line),
            _ => parts.push(vec![line]),
        }
    }
    parts
}

fn is_internal(begin: &str) -> bool {
    let internal = ["this error originates in", "required by a bound in", "async_with_core::"];
    !begin.starts_with("error") && internal.iter().any(|text| begin.contains(text))
}

fn fence(language: &str, text: &str) -> String {
    format!("```{language}\n{text}\n```")
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
