//! Which compiler builds the eBPF program: from what was found to what to do, without looking anywhere.

use super::compiler::{Compiler, NAMING_VARIABLE};

/// Packages with Debian's compiler and the source that belongs to it.
pub(crate) const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
/// Packages that Debian removes when it installs `rustc-web`.
pub(crate) const CONFLICTING_PACKAGES: [&str; 3] = ["rustc", "rustup", "rustc-mozilla"];

/// Every compiler that was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The one that the user named, or why it could not be asked.
    pub(crate) named: Option<Result<Compiler, String>>,
    /// The toolchains of rustup; none when there is no rustup.
    pub(crate) rustup: Vec<RustupToolchain>,
    /// Debian's.
    pub(crate) debian: Debian,
}

/// A toolchain of rustup.
#[derive(Debug)]
pub(crate) struct RustupToolchain {
    pub(crate) name: String,
    pub(crate) standing: Standing,
    pub(crate) state: ToolchainState,
}

/// Whether a plain `cargo` uses a toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Default,
    Other,
}

/// What there is of a toolchain.
#[derive(Debug)]
pub(crate) enum ToolchainState {
    /// No rust-src: not asked further.
    WithoutSource,
    /// Its compiler cannot be asked.
    Broken(String),
    /// Complete.
    Complete(Compiler),
}

/// What Debian's packages have.
#[derive(Debug, Default)]
pub(crate) struct Debian {
    /// The compiler, when both packages are installed in the same version.
    pub(crate) compiler: Option<Compiler>,
    /// Packages installed here that `rustc-web` would push out.
    pub(crate) conflicts: Vec<String>,
}

/// Whether packages can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installer {
    AptGet,
    /// There is apt-get, but we are not root.
    NotRoot,
    /// There is no apt-get.
    Absent,
}

/// Whether an installation was tried before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    First,
    AfterInstall,
}

/// What to do about the compiler.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Use(Compiler),
    /// Install [`DEBIAN_PACKAGES`], then look again.
    InstallDebian,
    /// Nothing can be done without the user; this is what to tell them.
    Stop(String),
}

/// Chooses in the order: named, rustup, Debian.
pub(crate) fn choose(found: &Found, installer: Installer, attempt: Attempt) -> Choice {
    if let Some(named) = &found.named {
        return match named {
            Ok(compiler) => match compiler.fault() {
                None => Choice::Use(compiler.clone()),
                Some(fault) => Choice::Stop(format!(
                    "{NAMING_VARIABLE} names {}: {fault}",
                    compiler.rustc.display()
                )),
            },
            Err(why) => Choice::Stop(format!("{NAMING_VARIABLE}: {why}")),
        };
    }
    if let Some(compiler) = best_of_rustup(&found.rustup) {
        return Choice::Use(compiler.clone());
    }
    let fault = match &found.debian.compiler {
        Some(compiler) => match compiler.fault() {
            None => return Choice::Use(compiler.clone()),
            Some(fault) => Some(fault),
        },
        None => None,
    };
    // A faulty one may be an old one: installing again upgrades it, once.
    match why_not_installed(found, installer, attempt, fault) {
        None => Choice::InstallDebian,
        Some(why) => Choice::Stop(advice(found, &why)),
    }
}

fn best_of_rustup(toolchains: &[RustupToolchain]) -> Option<&Compiler> {
    let rank = |toolchain: &RustupToolchain| match toolchain.standing {
        _ if toolchain.name.starts_with("nightly") => 0,
        Standing::Default => 1,
        Standing::Other => 2,
    };
    let usable = toolchains.iter().filter_map(|toolchain| match &toolchain.state {
        ToolchainState::Complete(compiler) if compiler.fault().is_none() => Some((rank(toolchain), compiler)),
        _ => None,
    });
    usable.min_by_key(|(rank, _)| *rank).map(|(_, compiler)| compiler)
}

fn why_not_installed(
    found: &Found,
    installer: Installer,
    attempt: Attempt,
    fault: Option<String>,
) -> Option<String> {
    let debian = &found.debian;
    if attempt == Attempt::AfterInstall {
        let fault = fault.unwrap_or_else(|| "not both are there in the same version".to_owned());
        return Some(format!(
            "{} were installed, but {fault}",
            DEBIAN_PACKAGES.join(" and ")
        ));
    }
    match installer {
        Installer::Absent => Some("there is no apt-get to install Debian's".to_owned()),
        _ if !debian.conflicts.is_empty() => {
            let conflicts = debian.conflicts.join(" and ");
            Some(format!(
                "Debian's rustc-web would replace the installed package {conflicts}, which is not ours to do"
            ))
        }
        Installer::NotRoot => Some(format!(
            "only root can `apt-get install {}`",
            DEBIAN_PACKAGES.join(" ")
        )),
        Installer::AptGet => None,
    }
}

fn advice(found: &Found, why: &str) -> String {
    use std::fmt::Write as _;
    let mut text = format!("no compiler for the eBPF program: {why}.");
    for toolchain in &found.rustup {
        let fault = match &toolchain.state {
            ToolchainState::WithoutSource => "it has no rust-src".to_owned(),
            ToolchainState::Broken(why) => why.clone(),
            ToolchainState::Complete(compiler) => compiler.fault().unwrap_or_default(),
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  rustup's {} will not do: {fault}", toolchain.name);
    }
    text.push_str("\nAny one of these helps:");
    if !found.rustup.is_empty() {
        text.push_str("\n  rustup component add rust-src");
        text.push_str("\n  rustup toolchain install nightly --component rust-src");
    }
    if installable_by_user(found) {
        let _ = write!(
            text,
            "\n  apt-get install --no-install-recommends {}   (as root)",
            DEBIAN_PACKAGES.join(" ")
        );
    }
    let _ = write!(
        text,
        "\n  {NAMING_VARIABLE}=/path/to/rustc, a compiler with its library source"
    );
    text
}

fn installable_by_user(found: &Found) -> bool {
    found.debian.conflicts.is_empty() && found.debian.compiler.is_none()
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
