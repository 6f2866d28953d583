//! What `rustc -vV` says.

use anyhow::{Context as _, Result};

/// The version of a compiler, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// `1.96.0`, `1.97.0-nightly`.
    pub(crate) release: String,
    /// The triple of the machine it runs on.
    pub(crate) host: String,
    /// The major version of the LLVM inside: bitcode of a newer one cannot be read by an older linker.
    pub(crate) llvm_major: u32,
}

impl Version {
    /// Reads the output of `rustc -vV`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let field = |name: &str| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.with_context(|| format!("`rustc -vV` says nothing about `{name}`"))
        };
        let llvm = field("LLVM version")?;
        let llvm_major = llvm.split('.').next().and_then(|major| major.trim().parse().ok());
        Ok(Self {
            release: field("release")?.trim().to_owned(),
            host: field("host")?.trim().to_owned(),
            llvm_major: llvm_major.with_context(|| format!("cannot read the LLVM version `{llvm}`"))?,
        })
    }

    /// The release without its channel: what the library source calls itself.
    pub(crate) fn number(&self) -> &str {
        self.release.split('-').next().unwrap_or(&self.release)
    }

    /// Is this release as new as `minimum` (`1.95`)?
    pub(crate) fn is_at_least(&self, minimum: &str) -> bool {
        numbers(self.number()) >= numbers(minimum)
    }
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHTLY: &str = "rustc 1.97.0-nightly (ac68faa20 2026-05-25)\nbinary: rustc\ncommit-hash: ac68faa20\n\
        commit-date: 2026-05-25\nhost: x86_64-unknown-linux-gnu\nrelease: 1.97.0-nightly\nLLVM version: 22.1.8\n";

    #[test]
    fn the_release_the_host_and_the_llvm_are_read() {
        let version = Version::parse(NIGHTLY).unwrap();
        assert_eq!(version.release, "1.97.0-nightly");
        assert_eq!(version.number(), "1.97.0");
        assert_eq!(version.host, "x86_64-unknown-linux-gnu");
        assert_eq!(version.llvm_major, 22);
    }

    #[test]
    fn a_compiler_without_llvm_is_an_error_that_says_so() {
        let error = Version::parse("release: 1.97.0\nhost: x\n").unwrap_err();
        assert!(error.to_string().contains("LLVM version"), "{error}");
    }

    #[test]
    fn releases_compare_by_number_and_not_by_text() {
        let version = Version::parse(NIGHTLY).unwrap();
        assert!(version.is_at_least("1.95"));
        assert!(version.is_at_least("1.97.0"));
        assert!(!version.is_at_least("1.98"));
        assert!(!version.is_at_least("1.100"));
    }
}
