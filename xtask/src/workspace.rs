//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::build::BPF_TARGET;
use crate::env::{Scope, restrict};

/// The directories of this checkout, and the cargo that was called.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    cargo: PathBuf,
    host_toolchain: PathBuf,
}

impl Workspace {
    /// The workspace that this xtask belongs to.
    pub(crate) fn find() -> Result<Self> {
        // Cargo tells it when it runs us. The place of the build is right too, until the checkout is moved.
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package)
            .parent()
            .context("xtask is not inside a workspace")?
            .to_path_buf();
        if !root.join("lb-ebpf/Cargo.toml").is_file() {
            bail!(
                "{} is not a checkout of Holdfast: run this as `cargo xtask`",
                root.display()
            );
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(chosen) => std::path::absolute(chosen).context("CARGO_TARGET_DIR")?,
            None => root.join("target"),
        };
        let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // <toolchain>/bin/cargo
        let host_toolchain = cargo.ancestors().nth(2).unwrap_or(Path::new("")).to_path_buf();
        Ok(Self {
            root,
            target,
            cargo,
            host_toolchain,
        })
    }

    /// A path inside the checkout.
    pub(crate) fn at(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// `path` as seen from the root of the checkout, for messages.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// Where cargo puts what it builds for the host.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The target directory of the eBPF build. Not movable: the build script of `lb-user` looks there.
    pub(crate) fn bpf_target(&self) -> PathBuf {
        self.at("target/bpf")
    }

    /// Where the eBPF build leaves its objects.
    pub(crate) fn bpf_objects(&self) -> PathBuf {
        self.bpf_target().join(BPF_TARGET).join("release")
    }

    /// The release build of the daemon.
    pub(crate) fn holdfast(&self) -> PathBuf {
        self.target.join("release/holdfast")
    }

    /// The cargo that runs us.
    pub(crate) fn cargo_program(&self) -> &Path {
        &self.cargo
    }

    /// The directory of the toolchain whose cargo runs us (when rustup, or anything like it, laid it out).
    pub(crate) fn host_toolchain(&self) -> &Path {
        &self.host_toolchain
    }

    /// A cargo command in the root of the checkout, with the user's environment.
    pub(crate) fn cargo(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(words).current_dir(&self.root);
        restrict(&mut command, Scope::Host, self);
        command
    }

    /// What formats everything: the workspace, and the eBPF crate, which is none of its members.
    pub(crate) fn fmt(&self) -> [Command; 2] {
        [
            self.cargo(&["fmt", "--all"]),
            self.cargo(&["fmt", "--manifest-path", "lb-ebpf/Cargo.toml"]),
        ]
    }
}

/// Where what is expensive to build survives a fresh checkout.
pub(crate) fn cache_directory() -> Result<PathBuf> {
    // The XDG specification has relative values ignored.
    let chosen = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let base = match chosen {
        Some(path) => path,
        None => PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    };
    Ok(base.join("holdfast"))
}
