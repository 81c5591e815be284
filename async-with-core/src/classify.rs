//! Whether a value of any type is an `Err`, decided without a bound on the type.
//!
//! A trait bound or method probing would take part in the type inference of the user's code, and spoil it. So this looks
//! at the type only after inference is done: a value is an `Err` if its type has the name of `Result`, and its variant
//! is the one of a known `Err`. Both are compared with a real `Result`, not with what we believe the compiler prints, so
//! that a compiler which names types otherwise still compares like with like.

use std::any::type_name;
use std::hash::{Hash, Hasher};
use std::mem;

/// Whether `value` is the `Err` of a `core::result::Result`.
pub(crate) fn is_err<T>(value: &T) -> bool {
    is_result::<T>() && variant(value) == variant(&Err::<(), ()>(()))
}

fn is_result<T>() -> bool {
    let known = type_name::<Result<(), ()>>();
    let Some(path) = known.strip_suffix("<(), ()>") else { return false };
    type_name::<T>().strip_prefix(path).is_some_and(|rest| rest.starts_with('<'))
}

fn variant<T>(value: &T) -> u64 {
    let mut hasher = LastWord(0);
    mem::discriminant(value).hash(&mut hasher);
    hasher.0
}

/// Keeps the last word that is written to it: all that the hash of a discriminant is made of.
struct LastWord(u64);

impl Hasher for LastWord {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 << 8) | u64::from(byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::is_err;
    use std::convert::Infallible;
    use std::fmt::Debug;

    type Alias<T> = std::io::Result<T>;

    mod named_alike {
        #[allow(dead_code, reason = "the variants are there for their position")]
        pub(super) enum Result<T, E> {
            Ok(T),
            Err(E),
        }
    }

    enum Wrapped<T> {
        First,
        Second(T),
    }

    fn opaque(fail: bool) -> impl Debug {
        if fail { Err(1) } else { Ok("fine") }
    }

    #[test]
    fn an_err_is_recognised_whatever_its_types_are() {
        assert!(is_err(&Err::<(), ()>(())));
        assert!(is_err(&Err::<u8, String>(String::new())));
        assert!(is_err(&Err::<Infallible, _>(1_u64)));
        assert!(is_err(&Err::<&str, Box<dyn std::error::Error>>("x".into())));
        assert!(is_err(&Alias::<()>::Err(std::io::Error::other("x"))));
        assert!(is_err(&Err::<Result<(), ()>, ()>(())));
        assert!(is_err(&opaque(true)));
    }

    #[test]
    fn an_ok_is_not() {
        assert!(!is_err(&Ok::<(), ()>(())));
        assert!(!is_err(&Ok::<u8, String>(1)));
        assert!(!is_err(&Ok::<_, Infallible>("x")));
        assert!(!is_err(&Ok::<Result<(), ()>, ()>(Err(()))));
        assert!(!is_err(&opaque(false)));
    }

    #[test]
    fn a_variant_at_the_same_position_of_another_type_is_not() {
        assert!(!is_err(&()));
        assert!(!is_err(&Some(1)));
        assert!(!is_err(&None::<Result<(), ()>>));
        assert!(!is_err(&true));
        assert!(!is_err(&&Err::<(), ()>(())));
        assert!(!is_err(&Box::new(Err::<(), ()>(()))));
        assert!(!is_err(&(Err::<(), ()>(()),)));
        assert!(!is_err(&named_alike::Result::Err::<(), _>("x")));
        assert!(!is_err(&named_alike::Result::Ok::<_, ()>("x")));
        assert!(!is_err(&Wrapped::Second(1)));
        assert!(!is_err(&Wrapped::<()>::First));
        assert!(!is_err(&std::task::Poll::<Result<(), ()>>::Pending));
    }
}
