//! Temporary folders.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf, is_separator};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fmt, fs, io};

use async_with_core::{AsyncContextManager, Outcome};
use tempfile::Builder;

use super::blocking::blocking;

/// A temporary folder that is removed, with all that is in it, on every way out of the block.
///
/// The value is its path, which is absolute. The folder is removed without blocking the threads that poll, also after the
/// future that holds the block has been dropped; removing it by hand in the body, or changing the value, does no harm. On
/// Unix only its owner has access to it, as with Python's `tempfile.mkdtemp`.
///
/// It is for the body to end what else writes there: tasks, child processes. A file operation of `tokio::fs` that was cut off
/// with the body is waited out, for about a tenth of a second.
///
/// A process that is killed leaves the folder behind, under the [prefix](Self::prefix) and random letters.
///
/// # Errors
///
/// [`TempDirError`]: that of entering if the folder cannot be made, that of the exit if it cannot be removed.
///
/// # Panics
///
/// Entering panics outside of a tokio runtime.
///
/// # Cancel safety
///
/// A future dropped during enter leaves no folder behind: one that is just being made is removed again.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::TempDir;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let was = async_with!(TempDir::new() as dir => {
///     tokio::fs::write(dir.join("page.html"), "<p>").await?;
///     dir.clone()
/// })?;
/// assert!(!was.exists());
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct TempDir {
    folder: Option<PathBuf>,
    prefix: OsString,
    keep_on_failure: bool,
    entered: Option<tempfile::TempDir>,
}

impl TempDir {
    /// A folder in that of the system for temporary files, [`std::env::temp_dir`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use async_with::{async_with, managers::TempDir};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// async_with!(TempDir::new() as dir => { assert!(dir.starts_with(std::env::temp_dir())) })?;
    /// # Ok::<_, async_with::managers::TempDirError>(()) }).unwrap();
    /// ```
    pub fn new() -> Self {
        Self { folder: None, prefix: "tmp-".into(), keep_on_failure: false, entered: None }
    }

    /// Makes it in another folder, which has to exist.
    ///
    /// # Examples
    ///
    /// ```
    /// # use async_with::{async_with, managers::TempDir};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// async_with!(TempDir::new() as outer, TempDir::new().in_dir(&*outer) as inner => {
    ///     assert_eq!(inner.parent(), Some(&**outer));
    /// })?;
    /// # Ok::<_, async_with::managers::TempDirError>(()) }).unwrap();
    /// ```
    pub fn in_dir(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// What its name begins with, `tmp-` unless said otherwise; random letters follow.
    ///
    /// Entering fails if there is a path separator in it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use async_with::{async_with, managers::TempDir};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// async_with!(TempDir::new().prefix("build-") as dir => {
    ///     assert!(dir.file_name().unwrap().to_string_lossy().starts_with("build-"));
    /// })?;
    /// # Ok::<_, async_with::managers::TempDirError>(()) }).unwrap();
    /// ```
    pub fn prefix(self, prefix: impl Into<OsString>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Keeps the folder when the outcome is not a [success](Outcome::is_success), so that it can be looked into.
    ///
    /// Log its path in the body, or give it a telling [prefix](Self::prefix): the block's value is the body's failure, which
    /// does not know it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use async_with::{async_with, managers::TempDir};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let mut was = None;
    /// let built: Result<(), &str> = async_with!(TempDir::new().keep_on_failure() as dir => {
    ///     eprintln!("building in {}", dir.display());
    ///     was = Some(dir.clone());
    ///     Err("does not compile")
    /// })?;
    /// assert!(built.is_err());
    ///
    /// let kept = was.unwrap();
    /// assert!(kept.exists());
    /// # std::fs::remove_dir(kept).unwrap();
    /// # Ok::<_, async_with::managers::TempDirError>(()) }).unwrap();
    /// ```
    pub fn keep_on_failure(self) -> Self {
        Self { keep_on_failure: true, ..self }
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl AsyncContextManager for TempDir {
    type Value = PathBuf;
    type Error = TempDirError;

    async fn enter(&mut self) -> Result<PathBuf, TempDirError> {
        let folder = self.folder.clone().unwrap_or_else(env::temp_dir);
        let create = {
            let (folder, prefix) = (folder.clone(), self.prefix.clone());
            move || create(&folder, &prefix)
        };
        let made = blocking(create).await;
        let mut dir = made.map_err(|source| TempDirError::Create { folder, source })?;
        // Dropped without an exit, when its runtime shuts down, it counts as a failure.
        dir.disable_cleanup(self.keep_on_failure);
        let path = dir.path().to_owned();
        self.entered = Some(dir);
        Ok(path)
    }

    async fn exit(self, _path: PathBuf, outcome: Outcome) -> Result<(), TempDirError> {
        let Some(mut dir) = self.entered else { return Ok(()) };
        if self.keep_on_failure && !outcome.is_success() {
            return Ok(());
        }
        // From here on it goes in any case, also if this exit is dropped because its runtime shuts down.
        dir.disable_cleanup(false);
        let path = dir.path().to_owned();
        let removed = blocking(move || remove(&path)).await;
        // Its destructor would do it all again, and block.
        dir.disable_cleanup(true);
        removed.map_err(|source| TempDirError::Remove { path: dir.keep(), source })
    }
}

fn create(folder: &Path, prefix: &OsStr) -> io::Result<tempfile::TempDir> {
    if prefix.as_encoded_bytes().iter().any(|&byte| is_separator(char::from(byte))) {
        let text = format!("there is a path separator in the prefix `{}`", prefix.to_string_lossy());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut builder = Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        builder.permissions(fs::Permissions::from_mode(0o700));
    }
    builder.tempdir_in(folder)
}

/// How often to start again, after a millisecond each.
const TURNS: usize = 100;

fn remove(path: &Path) -> io::Result<()> {
    for _ in 0..TURNS {
        match fs::remove_dir_all(path) {
            // What a body was doing with `tokio::fs` when it was dropped goes on for a moment, and may put a file here after
            // the rest has gone.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => sleep(Duration::from_millis(1)),
            // The body has removed it, which is as good.
            Err(_) if matches!(path.try_exists(), Ok(false)) => return Ok(()),
            removed => return removed,
        }
    }
    fs::remove_dir_all(path)
}

/// What a [`TempDir`] fails with.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{TempDir, TempDirError};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let error = async_with!(TempDir::new().in_dir("/no/such/folder") => {}).unwrap_err();
/// assert_eq!(error.to_string(), "cannot make a temporary folder in `/no/such/folder`");
/// assert!(matches!(error, TempDirError::Create { source, .. } if source.kind() == std::io::ErrorKind::NotFound));
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TempDirError {
    /// It cannot be made.
    #[non_exhaustive]
    Create {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be removed, or not all that is in it.
    #[non_exhaustive]
    Remove {
        /// The temporary folder itself, which is still there.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for TempDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { folder, .. } => {
                write!(f, "cannot make a temporary folder in `{}`", folder.display())
            }
            Self::Remove { path, .. } => write!(f, "cannot remove the temporary folder `{}`", path.display()),
        }
    }
}

impl Error for TempDirError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let (Self::Create { source, .. } | Self::Remove { source, .. }) = self;
        Some(source)
    }
}

impl From<TempDirError> for io::Error {
    fn from(error: TempDirError) -> Self {
        let (TempDirError::Create { source, .. } | TempDirError::Remove { source, .. }) = &error;
        io::Error::new(source.kind(), error)
    }
}
