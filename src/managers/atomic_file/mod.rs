//! Files that are replaced as a whole, or not at all.

mod draft;
mod error;

use std::fmt;
use std::path::PathBuf;

use async_with_core::{AsyncContextManager, Outcome, Site};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use self::draft::Draft;
pub use self::error::AtomicFileError;
use super::blocking::blocking;

/// A file whose new content replaces the old one at once, and only if the body succeeds.
///
/// The value is a new, empty [`tokio::fs::File`] beside the target. When the outcome is a [success](Outcome::is_success), it
/// is flushed, synced to disk, and renamed over the target, and the folder is synced (on Unix); otherwise it is removed. Whoever
/// reads the target sees the old content or the new one, and never a mix or a part, also when the process is killed or
/// the power fails. Of several writers, the last to succeed wins.
///
/// - A target that is a symbolic link is followed: the file that it points to is replaced, and the link stays.
/// - The new file has the permissions of the old one. Where there was none, they are those of any new file, which the umask
///   decides. Its owner is whoever replaced it; extended attributes and access control lists are those of a new file.
/// - Replacing a file takes the right to write to its folder, not to the file: a read-only target is replaced too.
/// - Other hard links to the target keep the old content.
/// - A process that is killed in the block leaves the temporary file behind. Its name is that of the target, within dots and
///   followed by random letters: `.notes.json.x7Kq2b.tmp` (of long names, the first 200 bytes).
///
/// # Errors
///
/// [`AtomicFileError`], which says at which step.
///
/// # Panics
///
/// Entering panics outside of a tokio runtime.
///
/// # Cancel safety
///
/// A future dropped during enter leaves no temporary file behind: one that is just being made is removed again. A future
/// dropped during the body leaves the target as it was; one dropped during the exit of a body that succeeded replaces it.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{AtomicFile, TempDir};
/// use tokio::io::AsyncWriteExt;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// async_with!(TempDir::new() as dir => {
///     let notes = dir.join("notes.txt");
///     tokio::fs::write(&notes, "old").await?;
///
///     let failed: Result<(), &str> = async_with!(AtomicFile::create(&notes) as file => {
///         file.write_all(b"half of the n").await?;
///         Err("no more to say")
///     })?;
///     assert!(failed.is_err());
///     assert_eq!(tokio::fs::read_to_string(&notes).await?, "old");
///
///     async_with!(AtomicFile::create(&notes) as file => { file.write_all(b"new").await? })?;
///     assert_eq!(tokio::fs::read_to_string(&notes).await?, "new");
/// })?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[must_use = "a context manager does nothing unless it is entered"]
pub struct AtomicFile {
    path: PathBuf,
    /// There from the end of enter to the exit.
    draft: Option<Draft>,
    site: Site,
}

impl AtomicFile {
    /// Replaces the file at `path`, or makes it if there is none.
    ///
    /// Nothing happens until it is entered.
    ///
    /// # Examples
    ///
    /// ```
    /// # use async_with::{async_with, managers::{AtomicFile, TempDir}};
    /// use tokio::io::{AsyncWriteExt, BufWriter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # async_with!(TempDir::new() as dir => {
    /// # let path = dir.join("numbers");
    /// async_with!(AtomicFile::create(&path) as file => {
    ///     let mut lines = BufWriter::new(file);
    ///     for number in 0..1000 {
    ///         lines.write_all(format!("{number}\n").as_bytes()).await?;
    ///     }
    ///     lines.flush().await?;       // its buffer is not the file's
    /// })?;
    /// # assert_eq!(std::fs::read_to_string(path)?.lines().count(), 1000);
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[track_caller]
    pub fn create(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), draft: None, site: Site::of::<Self>() }
    }
}

impl fmt::Debug for AtomicFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtomicFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl AsyncContextManager for AtomicFile {
    type Value = File;
    type Error = AtomicFileError;

    async fn enter(&mut self) -> Result<File, AtomicFileError> {
        let path = self.path.clone();
        let made = blocking(move || Draft::beside(&path)).await;
        let (file, draft) =
            made.map_err(|source| AtomicFileError::Create { path: self.path.clone(), source })?;
        self.draft = Some(draft);
        Ok(File::from_std(file))
    }

    async fn exit(self, mut file: File, outcome: Outcome) -> Result<(), AtomicFileError> {
        let Self { path, draft: Some(draft), site } = self else { return Ok(()) };
        let discard = async |draft: Draft| {
            draft.discard().await.map_err(|(source, path)| AtomicFileError::Remove { path, source })
        };
        // Also on failure: what the body has begun to write is not to go on after the exit.
        let flushed = file.flush().await;
        if !outcome.is_success() {
            drop(file);
            return discard(draft).await;
        }
        let synced = match flushed {
            Ok(()) => {
                file.sync_all().await.map_err(|source| AtomicFileError::Sync { path: path.clone(), source })
            }
            Err(source) => Err(AtomicFileError::Write { path: path.clone(), source }),
        };
        drop(file);
        let (error, draft) = match synced {
            Ok(()) => match draft.publish().await {
                Ok(published) => {
                    let synced = published.sync_folder().await;
                    return synced.map_err(|source| AtomicFileError::SyncFolder { path, source });
                }
                Err((source, draft)) => (AtomicFileError::Rename { path, source }, draft),
            },
            Err(error) => (error, draft),
        };
        if let Err(left) = discard(draft).await {
            site.lost(outcome, &left);
        }
        Err(error)
    }
}
