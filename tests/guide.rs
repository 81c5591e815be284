//! The pages of `docs/guide` on GitHub and in rustdoc: their links lead somewhere in both, and their picture is the same. That
//! their code does what they say is tested with the documentation.

#![deny(warnings, clippy::all, clippy::pedantic)]

use std::collections::BTreeMap;
use std::fs::{read_dir, read_to_string, write};
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide");

/// What rustdoc is given besides the pages.
const NO_PAGES: [&str; 2] = ["links", "picture"];

fn read(file: &str) -> String {
    let path = Path::new(FOLDER).join(file);
    read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

struct Page {
    name: String,
    path: PathBuf,
    code: Vec<String>,
    prose: String,
}

impl Page {
    fn new(path: PathBuf) -> Self {
        let text = read_to_string(&path).unwrap();
        let (mut code, mut prose, mut inside) = (Vec::new(), String::new(), false);
        for line in text.lines() {
            if line.starts_with("```") {
                inside = !inside;
            } else if inside {
                code.push(line.to_owned());
            } else {
                prose.extend([line, "\n"]);
            }
        }
        Self { name: path.file_stem().unwrap().to_str().unwrap().to_owned(), path, code, prose }
    }

    /// Where the links lead that the page defines.
    fn definitions(&self) -> BTreeMap<&str, &str> {
        definitions(&self.prose)
    }

    /// The prose without what is between backticks, which has brackets of its own. A link's name in backticks stays.
    fn plain(&self) -> String {
        let mut plain = String::new();
        for (index, part) in self.prose.split('`').enumerate() {
            let is_name = plain.ends_with('[') && !part.contains('[');
            plain.push_str(if index % 2 == 0 || is_name { part } else { "code" });
        }
        plain
    }

    /// The names of links in the prose: `[name]`, `[text][name]`.
    fn used(&self) -> Vec<String> {
        let plain = self.plain();
        let mut used = Vec::new();
        for (start, _) in plain.match_indices('[') {
            let rest = &plain[start + 1..];
            let Some((name, after)) = rest.split_once(']') else { continue };
            if !after.starts_with(['[', '(', ':']) {
                used.push(name.to_owned());
            }
        }
        used
    }

    /// The targets of links that are written in place: `[text](target)`.
    fn in_place(&self) -> Vec<String> {
        let plain = self.plain();
        let targets = plain.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        targets.map(str::to_owned).collect()
    }

    fn anchors(&self) -> Vec<String> {
        let headings = self.prose.lines().filter(|line| line.starts_with('#'));
        let anchor = |heading: &str| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|&c| c.is_alphanumeric() || " _-".contains(c));
            kept.collect::<String>().replace(' ', "-")
        };
        headings.map(anchor).collect()
    }
}

fn definitions(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).collect()
}

fn pages() -> Vec<Page> {
    let paths = read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut pages: Vec<_> = texts.map(Page::new).filter(|page| !NO_PAGES.contains(&&*page.name)).collect();
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(pages.len() > 10, "the pages were not found");
    pages
}

#[test]
fn each_link_of_a_page_leads_somewhere_on_github() {
    for page in pages() {
        let (definitions, anchors) = (page.definitions(), page.anchors());
        for name in page.used() {
            let defined = definitions.keys().any(|defined| defined.trim_matches('`') == name);
            assert!(defined, "{}: [{name}] is not defined", page.name);
        }
        for (name, target) in &definitions {
            let known = target.starts_with("https://") || page.path.parent().unwrap().join(target).exists();
            // What a package is made of has not all of the repository.
            let packaged = target.starts_with("../") && !Path::new(FOLDER).join("../../.ci").exists();
            assert!(known || packaged, "{}: [{name}] leads to {target}", page.name);
        }
        for target in page.in_place() {
            let known = match target.strip_prefix('#') {
                Some(anchor) => anchors.iter().any(|known| known == anchor),
                None => target.starts_with("https://"),
            };
            assert!(known, "{}: {target} is written in place, where rustdoc does not find it", page.name);
        }
    }
}

#[test]
fn each_link_of_a_page_leads_to_the_same_in_rustdoc() {
    let links = read("links.md");
    let rustdoc = definitions(&links);
    for page in pages() {
        for (name, target) in page.definitions() {
            let target = match target.strip_prefix("https://docs.rs/async-with/latest/async_with/") {
                Some(item) => item.trim_end_matches("/index.html").trim_end_matches(".html"),
                None if target.starts_with("https://") => continue,
                None if name == "picture" => continue,
                None => target,
            };
            let target = target.trim_end_matches(".md").trim_end_matches(".rs");
            let item = target.rsplit(['/', '.']).next().unwrap();
            let found = rustdoc.get(name).unwrap_or_else(|| panic!("{}: links.md lacks [{name}]", page.name));
            assert!(found.contains(item), "{}: [{name}] leads to {target}, in rustdoc to {found}", page.name);
        }
    }
}

#[test]
fn each_page_is_in_rustdoc_and_in_the_list_of_pages() {
    let (modules, list) = (include_str!("../src/guide.rs"), read("README.md"));
    for page in pages().iter().filter(|page| page.name != "README") {
        let named = |line: &str| line.trim() == page.name || line == format!("pub mod {} {{}}", page.name);
        assert!(modules.lines().any(named), "src/guide.rs lacks {}", page.name);
        assert!(list.contains(&format!("][{}]", page.name)), "docs/guide/README.md lacks {}", page.name);
    }
}

/// GitHub shows what rustdoc hides.
#[test]
fn no_line_of_code_is_hidden() {
    for page in pages() {
        let hidden = page.code.iter().find(|line| line.starts_with("# "));
        assert_eq!(hidden, None, "{}", page.name);
    }
}

#[test]
fn the_picture_in_rustdoc_is_that_on_github() {
    let picture = read("cancellation.svg");
    let link = format!("[picture]: data:image/svg+xml;base64,{}\n", base64(picture.as_bytes()));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        write(Path::new(FOLDER).join("picture.md"), &link).unwrap();
    }
    assert!(read("picture.md") == link, "refresh it with: UPDATE_EXPECT=1 cargo test --test guide");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quads = bytes.chunks(3).flat_map(|chunk| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        (0..4).map(move |at| if at > chunk.len() { '=' } else { DIGITS[bits >> (18 - 6 * at) & 63].into() })
    });
    quads.collect()
}
