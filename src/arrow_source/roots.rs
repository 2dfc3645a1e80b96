//! Which files may be opened: those below the directories that whoever runs the connector has named.
//!
//! The source names files, and its word is not trusted: a name is resolved with all its links first, and what was opened is
//! compared with that afterwards by the kernel's word, so that nobody can put a link there in between.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind as IoErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// The variable with the directories, separated by `:`.
const VARIABLE: &str = "DESTINATION_BATCH_ROOTS";

/// The directories below which files may be opened.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<PathBuf>);

/// An open file.
pub(super) struct OpenFile {
    pub file: File,
    /// Its path as the message named it.
    pub path: String,
}

impl Roots {
    /// The directories that the environment names.
    pub fn from_environment() -> Self {
        Self::new(std::env::var_os(VARIABLE).iter().flat_map(std::env::split_paths))
    }

    /// These directories; only absolute ones count.
    pub fn new(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(directories.into_iter().filter(|directory| directory.is_absolute()).collect())
    }

    /// Opens the file of a `file://` URL.
    ///
    /// # Errors
    /// [`ErrorKind::Batch`] when it is not below one of the directories, not there, not ours to read, or no regular file.
    pub(super) fn open(&self, url: &str) -> Result<OpenFile> {
        let path = parse(url)?;
        let refuse = |what: &str| Error::new(ErrorKind::Batch, format!("file {}: {what}", path.display()));
        if self.0.is_empty() {
            return Err(refuse(&format!(
                "no file may be opened: set {VARIABLE} in the connector's environment to the directory of such files, \
                 or to several with `:` between them"
            )));
        }
        let outside = || refuse(&format!("it is not below a directory of {VARIABLE}, so it may not be opened"));
        let resolved: Vec<PathBuf> = self.0.iter().filter_map(|root| fs::canonicalize(root).ok()).collect();
        // What is elsewhere is refused by its name alone: nobody learns what is there.
        let below = |path: &Path, roots: &[PathBuf]| roots.iter().any(|root| path.starts_with(root));
        if path.components().any(|part| part == Component::ParentDir)
            || !(below(&path, &self.0) || below(&path, &resolved))
        {
            return Err(outside());
        }
        let unreadable = |error: std::io::Error| {
            let what = match error.kind() {
                IoErrorKind::NotFound => "there is no such file".to_owned(),
                IoErrorKind::PermissionDenied => "the connector's user has no permission to read it".to_owned(),
                kind => format!("it cannot be opened ({kind})"),
            };
            refuse(&what).with_source(error)
        };
        let real = fs::canonicalize(&path).map_err(unreadable)?;
        if !below(&real, &resolved) {
            return Err(refuse(&format!(
                "its symbolic links lead out of the directories of {VARIABLE}, so it may not be opened"
            )));
        }
        // Opening a device can have effects, so it is not even tried.
        if let Some(what) = special(&fs::symlink_metadata(&real).map_err(unreadable)?) {
            return Err(refuse(what));
        }
        // A pipe that comes in its place must not make us wait for a writer.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&real).map_err(unreadable)?;
        let opened = file.metadata().map_err(unreadable)?;
        if let Some(what) = special(&opened) {
            return Err(refuse(what));
        }
        if place(&file).map_err(unreadable)? != real {
            return Err(refuse("it was replaced while it was opened"));
        }
        if opened.len() == 0 {
            return Err(refuse("it is empty"));
        }
        Ok(OpenFile { file, path: path.display().to_string() })
    }
}

/// Where the kernel opened a file, whatever its name leads to by now.
pub(super) fn place(file: &File) -> std::io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// What a file is that cannot be read as one.
fn special(metadata: &fs::Metadata) -> Option<&'static str> {
    match metadata.file_type() {
        kind if kind.is_dir() => Some("it is a directory: name each of its files"),
        kind if kind.is_file() => None,
        _ => Some("it is not a regular file"),
    }
}

/// The path of a `file://` URL.
fn parse(url: &str) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let refuse = |what: &str| Err(Error::new(ErrorKind::Batch, format!("a URL of the `manifest` {what}")));
    let Some(rest) = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("file://")).and_then(|_| url.get(7..))
    else {
        return refuse("does not begin with file://, and no others are supported");
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
        return refuse("names a host: write file:/// and the path");
    }
    if path.contains(['?', '#']) {
        return refuse("has a `?` or `#`: write %3F or %23 where a file's name has them");
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(decoded) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return refuse("has a `%` without two hexadecimal digits behind it");
        };
        bytes.push(decoded);
        rest = after.get(2..).unwrap_or_default();
    }
    if bytes.len() < 2 || bytes.contains(&0) {
        return refuse("has no path that a file can have");
    }
    Ok(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}
