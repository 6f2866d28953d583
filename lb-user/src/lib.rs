//! The Holdfast daemon as a library.

mod alarms;
pub mod api;
pub mod bpf;
pub mod cli;
pub mod config;
pub mod daemon;
mod handover;
pub mod health;
pub mod http;
pub mod model;
pub mod next_hops;
pub mod persistence;
mod preflight;
pub mod proxy;
pub mod reconcile;
mod schedules;
mod seldom;
mod service;
mod shortage;
pub mod sweep;
mod tls;
pub mod trace;
pub mod views;
