//! A compiler that may build the eBPF program, and what may be wrong with it.

use std::fmt;
use std::path::PathBuf;

use super::linker;
use super::rustc::Version;

/// Names a compiler of the user's choice.
pub(crate) const NAMING_VARIABLE: &str = "HOLDFAST_BPF_RUSTC";

/// What the crates of the eBPF program want, one number for the whole repository.
const OLDEST_RELEASE: &str = env!("CARGO_PKG_RUST_VERSION");

/// Whence a compiler is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user named it.
    Named,
    /// A rustup toolchain of this name.
    Rustup(String),
    /// Debian's compiler for building browsers, newer than Debian's own `rustc`.
    Debian,
}

/// The source of the standard library that lies with a compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// There is none.
    Missing,
    /// There is, and nothing in it tells its version (rustup's is always the compiler's own).
    Unversioned,
    /// There is, of this version.
    Version(String),
}

/// A compiler, as observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiler {
    pub(crate) origin: Origin,
    pub(crate) rustc: PathBuf,
    pub(crate) sysroot: PathBuf,
    pub(crate) version: Version,
    pub(crate) source: Source,
}

impl Compiler {
    /// Why this compiler cannot be used, if it cannot.
    pub(crate) fn fault(&self) -> Option<String> {
        if !self.version.is_at_least(OLDEST_RELEASE) {
            return Some(format!("{} is older than {OLDEST_RELEASE}", self.version.release));
        }
        if let Some(fault) = linker::fault_of_llvm(self.version.llvm_major) {
            return Some(fault);
        }
        match &self.source {
            Source::Missing => Some("it has no source of the standard library (rust-src)".to_owned()),
            // `core` uses what its very own compiler knows: even neighbouring releases do not fit.
            Source::Version(source) if source != self.version.number() => Some(format!(
                "its library source is of {source}, the compiler of {}",
                self.version.number()
            )),
            Source::Version(_) | Source::Unversioned => None,
        }
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version {
            release, llvm_major, ..
        } = &self.version;
        write!(f, "rustc {release}, LLVM {llvm_major}, ")?;
        match &self.origin {
            Origin::Named => write!(f, "named by {NAMING_VARIABLE}"),
            Origin::Rustup(toolchain) => write!(f, "rustup's {toolchain}"),
            Origin::Debian => write!(f, "Debian's rustc-web"),
        }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A compiler without fault.
    pub(crate) fn good(origin: Origin, release: &str) -> Compiler {
        let version = Version {
            release: release.to_owned(),
            host: "x86_64-unknown-linux-gnu".to_owned(),
            llvm_major: 22,
        };
        let source = Source::Version(version.number().to_owned());
        Compiler {
            origin,
            rustc: "/tc/bin/rustc".into(),
            sysroot: "/tc".into(),
            version,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nightly() -> Compiler {
        samples::good(Origin::Rustup("nightly".to_owned()), "1.97.0-nightly")
    }

    #[test]
    fn a_compiler_with_source_of_its_own_version_has_no_fault() {
        assert_eq!(nightly().fault(), None);
        assert_eq!(
            Compiler {
                source: Source::Unversioned,
                ..nightly()
            }
            .fault(),
            None
        );
    }

    #[test]
    fn a_compiler_without_source_is_at_fault() {
        let fault = Compiler {
            source: Source::Missing,
            ..nightly()
        }
        .fault()
        .unwrap();
        assert!(fault.contains("rust-src"), "{fault}");
    }

    #[test]
    fn a_compiler_with_source_of_another_version_is_at_fault() {
        let fault = Compiler {
            source: Source::Version("1.96.0".to_owned()),
            ..nightly()
        }
        .fault()
        .unwrap();
        assert!(fault.contains("1.96.0") && fault.contains("1.97.0"), "{fault}");
    }

    #[test]
    fn a_compiler_too_old_for_the_crates_is_at_fault() {
        let fault = samples::good(Origin::Debian, "1.85.0").fault().unwrap();
        assert!(fault.contains("older"), "{fault}");
    }

    #[test]
    fn a_compiler_whose_llvm_no_linker_knows_is_at_fault() {
        let mut compiler = nightly();
        compiler.version.llvm_major = 24;
        let fault = compiler.fault().unwrap();
        assert!(fault.contains("LLVM 24"), "{fault}");
    }
}
