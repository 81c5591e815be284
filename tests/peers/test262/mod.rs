//! test262: `await using` and `AsyncDisposableStack`.
