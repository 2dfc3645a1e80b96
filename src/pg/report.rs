//! The way to a session, step by step, for whoever wants to follow it.

use std::fmt;
use std::sync::Arc;

/// The steps until a session is open, in their order. With a bastion the first two lead to it; without one the next
/// three are left out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// The addresses of the host name.
    Resolve,
    /// A TCP connection to one of them.
    Connect,
    /// The bastion's host key and the encryption.
    SshHandshake,
    /// Our login at the bastion.
    SshLogin,
    /// The bastion connects to the database server.
    Forward,
    /// Encryption of the database connection.
    Tls,
    /// The login at the database.
    Login,
}

/// What can be told of the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event<'a> {
    /// A step begins. Where the connection fails, it fails in the step that was begun last.
    Begun(Step),
    /// A step succeeded, and how.
    Done(Step, &'a str),
    /// The attempt failed for this reason; the mode of encryption allows another one, from the start.
    Again(&'a str),
    /// A sentence for the user's log.
    Warning(&'a str),
}

/// Where the events go.
#[derive(Clone)]
pub(super) struct Report(Arc<dyn Fn(Event<'_>) + Send + Sync>);

impl Report {
    /// Events go to `follow`, from whatever thread a connection is made in.
    pub(super) fn new(follow: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(follow))
    }

    /// A step begins.
    pub(super) fn begun(&self, step: Step) {
        (self.0)(Event::Begun(step));
    }

    /// A step succeeded.
    pub(super) fn done(&self, step: Step, how: &str) {
        (self.0)(Event::Done(step, how));
    }

    /// Another attempt follows.
    pub(super) fn again(&self, why: &str) {
        (self.0)(Event::Again(why));
    }

    /// Passes a sentence on.
    pub(super) fn warn(&self, text: &str) {
        (self.0)(Event::Warning(text));
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}
