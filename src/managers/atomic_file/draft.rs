//! The temporary file beside the target.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{self, Path, PathBuf};

use tempfile::{Builder, TempPath};

use super::super::blocking::blocking;

/// As many symbolic links as Linux follows.
const LINKS: usize = 40;

/// The longest name that file systems commonly take has 255 bytes; what is left is for the rest of the temporary name.
const NAME: usize = 200;

/// A file that is to become the target.
#[derive(Debug)]
pub(super) struct Draft {
    target: PathBuf,
    /// Removes the file when it is dropped.
    temp: TempPath,
}

impl Draft {
    /// Makes one, in the folder in which the target is once its symbolic links have been followed. It blocks.
    pub(super) fn beside(path: &Path) -> io::Result<(File, Self)> {
        let (target, replaced) = follow(path)?;
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(not_a_file_name());
        };
        let prefix = format!(".{}.", shortened(name));
        let made = Builder::new()
            .prefix(&prefix)
            .suffix(".tmp")
            .make_in(folder, |temp| open(temp, replaced.as_ref()))?;
        let (file, temp) = made.into_parts();
        Ok((file, Self { target, temp }))
    }

    /// Puts it in the place of the target.
    pub(super) async fn publish(mut self) -> Result<Published, (io::Error, Self)> {
        if let Err(error) = tokio::fs::rename(&self.temp, &self.target).await {
            return Err((error, self));
        }
        self.temp.disable_cleanup(true);
        Ok(Published { target: self.target })
    }

    /// Removes it.
    pub(super) async fn discard(mut self) -> Result<(), (io::Error, PathBuf)> {
        let removed = tokio::fs::remove_file(&self.temp).await;
        // Its destructor would try it again, and block.
        self.temp.disable_cleanup(true);
        match removed {
            // The body has removed it, which is as good.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| (error, self.temp.to_path_buf())),
        }
    }
}

/// A target that has been replaced.
pub(super) struct Published {
    target: PathBuf,
}

impl Published {
    /// Brings to disk that the target is now another file.
    pub(super) async fn sync_folder(self) -> io::Result<()> {
        blocking(move || self.target.parent().map_or(Ok(()), sync_folder)).await
    }
}

/// Opens a file that is new, with the permissions of the file that it is to replace.
fn open(temp: &Path, replaced: Option<&Metadata>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

        // Never more than the target allows, not even for a moment.
        options.mode(replaced.map_or(0o666, |replaced| replaced.permissions().mode()));
    }
    let file = options.open(temp)?;
    #[cfg(unix)]
    if let Some(replaced) = replaced {
        // The umask is not for files that exist already.
        if let Err(error) = file.set_permissions(replaced.permissions()) {
            // The guard that removes it is made after this.
            let _ = fs::remove_file(temp);
            return Err(error);
        }
    }
    #[cfg(not(unix))]
    let _ = replaced;
    Ok(file)
}

/// The file that `path` stands for, and what is known of it if there is one.
fn follow(path: &Path) -> io::Result<(PathBuf, Option<Metadata>)> {
    let names_a_file = |name: &OsStr| path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes());
    if !path.file_name().is_some_and(names_a_file) {
        return Err(not_a_file_name());
    }
    // The process may change its working directory while the block runs.
    let path = path::absolute(path)?;
    let mut target = path.clone();
    for _ in 0..LINKS {
        let known = match fs::symlink_metadata(&target) {
            Ok(known) if known.is_symlink() => {
                let link = fs::read_link(&target)?;
                target.pop();
                target.push(link);
                continue;
            }
            Ok(known) if known.is_dir() => {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
            }
            // Replacing /dev/null by a file would be a bad surprise.
            Ok(known) if !known.is_file() => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
            }
            Ok(known) => Some(known),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        return Ok((target, known));
    }
    // The operating system says it best.
    fs::metadata(path)?;
    Err(io::Error::other("too many symbolic links"))
}

fn not_a_file_name() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the path does not end in the name of a file")
}

fn shortened(name: &OsStr) -> String {
    let mut name = name.to_string_lossy().into_owned();
    while name.len() > NAME {
        name.pop();
    }
    name
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    use rustix::io::Errno;

    match File::open(folder)?.sync_all() {
        // Some file systems cannot do that to a folder. PostgreSQL passes over the same two in `fsync_fname_ext`.
        Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::BADF | Errno::INVAL)) => Ok(()),
        synced => synced,
    }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "folders are files on Unix alone")]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
