//! Each form of a block once. The rest of the tests need a newer Rust, for their dependencies; this one shows that the macros
//! work on the oldest.

use std::convert::Infallible;
use std::num::ParseIntError;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, AsyncExitStack, Body, ContextManager, ContextManagerExt,
    Outcome, async_with, context, defer, from_fn, ready, scoped, together, with, within,
};
use platform::run;

struct Indent;

impl ContextManager for Indent {
    type Value = usize;
    type Error = Infallible;

    fn enter(&mut self) -> Result<usize, Infallible> {
        Ok(4)
    }

    fn exit(self, indent: usize, _outcome: Outcome) -> Result<(), Infallible> {
        assert_eq!(indent, 4);
        Ok(())
    }
}

fn parsed(text: &str) -> impl AsyncContextManager<Value = u32, Error = ParseIntError> + use<> {
    let text = text.to_owned();
    from_fn(move || async move { text.parse() }, |_number, outcome| async move { println!("told {outcome}") })
}

async fn blocks() -> Result<u32, ParseIntError> {
    let two = async_with!(parsed("1") as one, ready(1) as another => { *one + *another })?;
    let three = 'found: loop {
        async_with!(together((parsed("1"), parsed("2"))) as (a, b), {
            if *a > 0 {
                break 'found *a + *b;
            }
        })?;
    };
    let four = with!(Indent as indent => *indent);
    let written = context(async |body: Body<u32>| {
        let (_five, done) = body.run(5).await;
        Ok::<_, ParseIntError>(done)
    });
    let five = async_with!(written as five => *five)?;
    let mut sum = two + three + u32::try_from(four).unwrap() + five;
    async_with!(AsyncExitStack::<ParseIntError>::new() as stack => {
        for text in ["6", "7"] {
            sum += *stack.enter(parsed(text)).await?;
        }
    })?;
    let more: Vec<_> = ["8", "9"].into_iter().map(|text| parsed(text).boxed()).collect();
    sum += async_with!(more as numbers => numbers.iter().sum::<u32>())?;
    Ok(sum)
}

#[within(parsed(text) as number, Indent.into_async() as indent)]
async fn function(text: &str) -> Result<usize, ParseIntError> {
    let number: usize = number.to_string().parse()?;
    Ok(number + *indent)
}

#[scoped]
async fn rests(texts: &[&str]) -> Result<u32, ParseIntError> {
    let mut sum = 0;
    #[enter]
    let () = defer(|outcome| async move { println!("told {outcome}") });
    for text in texts {
        #[enter]
        let number = parsed(text);
        match *number {
            0 => continue,
            10.. => break,
            _ => sum += *number,
        }
    }
    Ok(sum)
}

fn main() {
    assert_eq!(run(blocks()), Ok((2..=9).sum()));
    assert!(run(async { async_with!(parsed("none") => {}) }).is_err());
    assert_eq!(run(function("5")), Ok(9));
    assert_eq!(run(rests(&["1", "0", "2", "10", "none"])), Ok(3));
    assert!(run(rests(&["1", "none"])).is_err());
}
