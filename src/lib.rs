pub mod error;
pub mod secret;
