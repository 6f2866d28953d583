//! `Set-Cookie`: what an application's says of its session, and how our own is written.

mod date;
mod learn;
mod own;
#[cfg(test)]
mod tests;

pub use learn::{Learned, is_within, learn};
pub use own::{Attributes, Change, Channel, HttpOnly, Mistake, SameSite, Secure, SetCookie};
