//! Types that look like `Result`, in a crate of their own.

/// As the paths of the standard library, in another crate.
pub mod core {
    /// See above.
    pub mod result {
        /// Is no `Result`.
        pub enum Result<T, E> {
            /// Is no `Ok`.
            Ok(T),
            /// Is no `Err`.
            Err(E),
        }
    }
}

/// Is no `Result` either.
pub enum Result<T> {
    /// Is no `Ok`.
    Ok(T),
    /// Is no `Err`.
    Err,
}
