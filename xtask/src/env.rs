//! Which of our own environment a child process may see.
//!
//! `cargo xtask` runs below `cargo run`, which describes the package xtask to it in variables. Handed on, they
//! would describe the wrong package to build scripts, and point the eBPF build at the wrong compiler.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use crate::workspace::Workspace;

/// Whose environment a child gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The user's: what they chose for cargo holds for our host builds too.
    Host,
    /// As little of cargo's and rustup's as possible: compiler, flags and directories are all ours.
    Bare,
}

/// What cargo says about xtask itself to xtask, and to nobody else.
const ABOUT_XTASK: [&str; 6] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "RUST_RECURSION_COUNT",
];

/// What chooses a compiler, its flags or its directories.
const STEERING: [&str; 4] = ["CARGO", "RUSTUP", "RUSTC", "RUSTFLAGS"];

/// What says where things are kept and how to reach registries: without it nothing can be fetched.
const PLACES: [&str; 9] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
    "RUSTUP_HOME",
    "RUSTUP_AUTO_INSTALL",
];

fn begins_with_one_of(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// May a child see the variable `name`?
fn may_see(scope: Scope, name: &str) -> bool {
    match scope {
        Scope::Host => !begins_with_one_of(name, &ABOUT_XTASK),
        Scope::Bare => !begins_with_one_of(name, &STEERING) || begins_with_one_of(name, &PLACES),
    }
}

/// `LD_LIBRARY_PATH` without the entries that `cargo run` put there; `None` when nothing is left.
fn library_path(value: &OsStr, added_below: &[&Path]) -> Option<OsString> {
    let theirs: Vec<_> = std::env::split_paths(value)
        .filter(|entry| !added_below.iter().any(|root| entry.starts_with(root)))
        .collect();
    // Entries that came out of a list can be joined again: none holds a separator.
    std::env::join_paths(theirs)
        .ok()
        .filter(|joined| !joined.is_empty())
}

/// Takes out of `command`'s environment what its scope may not see.
pub(crate) fn restrict(command: &mut Command, scope: Scope, workspace: &Workspace) {
    for (name, value) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if !may_see(scope, text) {
            command.env_remove(&name);
        } else if text == "LD_LIBRARY_PATH" {
            match library_path(&value, &[workspace.target(), workspace.host_toolchain()]) {
                Some(theirs) => command.env(&name, theirs),
                None => command.env_remove(&name),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_build_sees_what_the_user_chose() {
        for name in [
            "PATH",
            "CARGO_HOME",
            "RUSTUP_TOOLCHAIN",
            "RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_INCREMENTAL",
        ] {
            assert!(may_see(Scope::Host, name), "{name}");
        }
    }

    #[test]
    fn a_host_build_does_not_see_what_cargo_said_about_xtask() {
        for name in [
            "CARGO_PKG_NAME",
            "CARGO_MANIFEST_DIR",
            "CARGO_BIN_NAME",
            "CARGO_PRIMARY_PACKAGE",
        ] {
            assert!(!may_see(Scope::Host, name), "{name}");
        }
    }

    #[test]
    fn a_bare_build_chooses_compiler_and_flags_alone() {
        for name in [
            "CARGO",
            "CARGO_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "RUSTC",
            "RUSTFLAGS",
        ] {
            assert!(!may_see(Scope::Bare, name), "{name}");
        }
    }

    #[test]
    fn a_bare_build_still_finds_the_registry() {
        for name in [
            "PATH",
            "HOME",
            "HTTPS_PROXY",
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_SOURCE_CRATES_IO_REPLACE_WITH",
        ] {
            assert!(may_see(Scope::Bare, name), "{name}");
        }
    }

    #[test]
    fn the_users_library_path_survives_without_what_cargo_added() {
        let below = [Path::new("/ws/target"), Path::new("/tc")];
        let value = OsStr::new("/ws/target/debug/deps:/opt/lib:/tc/lib");
        assert_eq!(library_path(value, &below), Some("/opt/lib".into()));
        assert_eq!(library_path(OsStr::new("/tc/lib"), &below), None);
    }
}
