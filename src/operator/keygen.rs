//! `keygen`: the key pair that is the service's, and the line that lets it through a bastion to one database.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Answer;
use crate::cli::{Keygen, permit_open};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::pg::KeyPair;
use crate::secret::Secret;

/// Makes the pair and writes both files.
///
/// # Errors
/// [`ErrorKind::Config`] for a file that is there already or cannot be written, or a configuration that cannot be used.
pub fn keygen(options: &Keygen) -> Result<Answer> {
    let mut targets = options.permitopen.clone();
    if let Some(path) = &options.config {
        let config = Config::from_file(path)?;
        let target = permit_open(&config.host, config.port)
            .map_err(|what| Error::new(ErrorKind::Config, format!("configuration: `host`: {what}")))?;
        targets.push(target);
    }
    targets.dedup();
    let passphrase = options.passphrase_file.as_deref().map(first_line).transpose()?;

    let pair = KeyPair::generate(&options.comment, passphrase.as_ref())?;
    let public_file = beside(&options.out);
    write_new(&options.out, 0o600, pair.private.expose())?;
    if let Err(error) = write_new(&public_file, 0o644, &format!("{}\n", pair.public)) {
        // Half a pair is of no use, and would be in the way of the next attempt.
        drop(std::fs::remove_file(&options.out));
        return Err(error);
    }
    let text = format!("{} {}\n", restrictions(&targets, options), pair.public);
    Ok(Answer { text, advice: advice(options, &public_file, &pair, targets.is_empty()) })
}

/// The options of the `authorized_keys` line: port forwarding to `targets` and nothing else.
fn restrictions(targets: &[String], options: &Keygen) -> String {
    let mut list = vec!["restrict".to_owned(), "port-forwarding".to_owned()];
    list.extend(targets.iter().map(|target| format!("permitopen=\"{target}\"")));
    if !options.from.is_empty() {
        list.push(format!("from=\"{}\"", options.from.join(",")));
    }
    list.extend(options.expires.iter().map(|day| format!("expiry-time=\"{day}\"")));
    list.join(",")
}

fn advice(options: &Keygen, public_file: &Path, pair: &KeyPair, anywhere: bool) -> String {
    let out = options.out.display();
    let mut text = format!(
        "{out}: the private key ({}). It stays with the service: DESTINATION_SSH_KEY_FILE={out}\n\
         {}: the public key alone, {}\n\
         The line on stdout belongs into ~/.ssh/authorized_keys of the user on the bastion.\n",
        pair.fingerprint,
        public_file.display(),
        pair.public,
    );
    if options.passphrase_file.is_some() {
        text.push_str("The passphrase goes into `tunnel_method.ssh_key_passphrase` of the configuration.\n");
    }
    if anywhere {
        text.push_str(
            "It lets the key reach every host that the bastion reaches; --permitopen HOST:PORT narrows that.\n",
        );
    }
    text
}

fn beside(private: &Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Writes a file that must not be there yet; a link in its place counts as being there.
fn write_new(path: &Path, mode: u32, text: &str) -> Result<()> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        let place = path.display();
        let text = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!(
                    "`{place}` exists already and is not overwritten: name another file with --out, or move it away"
                )
            }
            kind => format!("`{place}` cannot be written ({kind})"),
        };
        Error::new(ErrorKind::Config, text).with_source(error)
    })
}

fn first_line(path: &Path) -> Result<Secret> {
    let refuse =
        |what: String| Error::new(ErrorKind::Config, format!("the passphrase file `{}` {what}", path.display()));
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(limits::KEY_FILE_BYTES).read_to_string(&mut text))
        .map_err(|error| refuse(format!("cannot be read ({})", error.kind())))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => Err(refuse("must hold the passphrase in its first line".into())),
    }
}
