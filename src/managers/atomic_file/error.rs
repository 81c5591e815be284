//! What can go wrong on the way to the new file, step by step.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// What an [`AtomicFile`](super::AtomicFile) fails with: one variant for each step.
///
/// In all of them but [`SyncFolder`](Self::SyncFolder), the target is what it was before.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{AtomicFile, AtomicFileError};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let error = async_with!(AtomicFile::create("/no/such/folder/notes") => {}).unwrap_err();
/// assert_eq!(error.to_string(), "cannot make a temporary file beside `/no/such/folder/notes`");
/// assert!(matches!(error, AtomicFileError::Create { source, .. } if source.kind() == std::io::ErrorKind::NotFound));
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum AtomicFileError {
    /// The temporary file cannot be made, or the target is nothing that could be replaced.
    #[non_exhaustive]
    Create {
        /// The target.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What the body wrote last could not be written: the disk is full, say.
    #[non_exhaustive]
    Write {
        /// The target.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The new content cannot be brought to disk.
    #[non_exhaustive]
    Sync {
        /// The target.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The new file cannot take the place of the target.
    #[non_exhaustive]
    Rename {
        /// The target.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The new content is in place, but may be gone again after a power failure.
    #[non_exhaustive]
    SyncFolder {
        /// The target.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The temporary file is still there.
    #[non_exhaustive]
    Remove {
        /// The temporary file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl AtomicFileError {
    fn parts(&self) -> (&'static str, &Path, &io::Error) {
        let (what, (path, source)) = match self {
            Self::Create { path, source } => ("make a temporary file beside", (path, source)),
            Self::Write { path, source } => ("write the new content of", (path, source)),
            Self::Sync { path, source } => ("bring to disk the new content of", (path, source)),
            Self::Rename { path, source } => ("put the new file in the place of", (path, source)),
            Self::SyncFolder { path, source } => ("bring to disk the folder of the new", (path, source)),
            Self::Remove { path, source } => ("remove the temporary file", (path, source)),
        };
        (what, path, source)
    }
}

impl fmt::Display for AtomicFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, path, _) = self.parts();
        write!(f, "cannot {what} `{}`", path.display())
    }
}

impl Error for AtomicFileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.parts().2)
    }
}

impl From<AtomicFileError> for io::Error {
    fn from(error: AtomicFileError) -> Self {
        io::Error::new(error.parts().2.kind(), error)
    }
}
