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
#[inline]
pub(crate) fn is_err<T>(value: &T) -> bool {
    is_result::<T>() && variant(value) == variant(&Err::<(), ()>(()))
}

#[inline]
fn is_result<T>() -> bool {
    let known = type_name::<Result<(), ()>>();
    let Some(path) = known.strip_suffix("<(), ()>") else { return false };
    type_name::<T>().strip_prefix(path).is_some_and(|rest| rest.starts_with('<'))
}

#[inline]
fn variant<T>(value: &T) -> u64 {
    let mut hasher = LastWord(0);
    mem::discriminant(value).hash(&mut hasher);
    hasher.finish()
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
mod tests;
