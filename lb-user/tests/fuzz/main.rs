//! What holds of whatever comes from outside, for any bytes.
//!
//! `cargo test` tries some thousand random inputs each; where one fails, it says the seed with which it fails again
//! (`BOLERO_RANDOM_SEED`). `cargo bolero test --engine libfuzzer TARGET` goes on until it is stopped.

mod cookies;
mod forwarded;
mod host;
mod load_balancer_cookie;
mod proxy_protocol;
mod set_cookie;
mod spelling;
mod url_session;
