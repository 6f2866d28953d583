//! What holds a client of a layer-7 pool to its member: the load balancer cookie, which the client carries sealed and of
//! which no node keeps anything ([`token`], [`keys`]), and the application cookie or the client's address, which are
//! remembered ([`app_cookies`]).
//!
//! All keep the times at which a client was seen ([`Times`]), never deadlines: a changed duration holds at once. All times
//! are Unix seconds in 32 bits (until 2106), so that they mean the same on another node and after a restart.

pub mod app_cookies;
pub mod keys;
pub mod token;

mod by_address;
mod tags;
mod times;

pub use self::{
    app_cookies::AppCookies,
    by_address::{ByAddress, network},
    keys::{KeyFile, KeyRing},
    tags::{MemberTag, PoolTag},
    times::{Limits, Session, Times},
    token::{Refused, Token},
};
