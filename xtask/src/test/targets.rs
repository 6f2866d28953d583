//! Which integration tests there are, and to which part each belongs.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;

/// The test of `lb-user` that runs packets through the kernel.
pub(crate) const PACKETS: &str = "packets";

/// The test of the laboratory that drives a browser.
const CONSOLE: &str = "console";

/// Integration tests by part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// They need nothing but a compiler.
    pub(crate) unit: BTreeSet<String>,
    /// They need the kernel, and root.
    pub(crate) packets: BTreeSet<String>,
    /// They need the laboratory, and root.
    pub(crate) e2e: BTreeSet<String>,
    /// They also need a browser.
    pub(crate) console: BTreeSet<String>,
}

impl Targets {
    /// Looks through the crates.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let mut others = BTreeSet::new();
        for package in ["lb-common", "lb-user", "xtask"] {
            others.extend(names(&workspace.at(package).join("tests"))?);
        }
        Self::sort(others, names(&workspace.at("tests/tests"))?)
    }

    /// Gives every test its part.
    fn sort(others: BTreeSet<String>, laboratory: BTreeSet<String>) -> Result<Self> {
        // Targets are chosen by name alone (see `parts::cargo_test`): a name twice would be run twice.
        if let Some(name) = others.intersection(&laboratory).next() {
            bail!(
                "the integration test `{name}` of lb-tests has the name of one of another crate: rename it"
            );
        }
        let (packets, unit) = others.into_iter().partition(|name| name == PACKETS);
        let (console, e2e) = laboratory.into_iter().partition(|name| name == CONSOLE);
        Ok(Self {
            unit,
            packets,
            e2e,
            console,
        })
    }
}

/// The tests that cargo finds in `directory`: `NAME.rs` and `NAME/main.rs`.
fn names(directory: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    if !directory.is_dir() {
        return Ok(names);
    }
    for entry in directory
        .read_dir()
        .with_context(|| directory.display().to_string())?
    {
        let path = entry?.path();
        let is_test =
            path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file();
        if let Some(name) = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .filter(|_| is_test)
        {
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn packets_are_a_part_of_their_own_and_the_rest_are_unit_tests() {
        let targets = Targets::sort(set(&["config", "packets"]), set(&["console", "persistence"])).unwrap();
        assert_eq!(
            targets,
            Targets {
                unit: set(&["config"]),
                packets: set(&["packets"]),
                e2e: set(&["persistence"]),
                console: set(&["console"]),
            }
        );
    }

    #[test]
    fn a_name_in_two_crates_is_refused() {
        let error = Targets::sort(set(&["health"]), set(&["health"])).unwrap_err();
        assert!(error.to_string().contains("`health`"), "{error}");
    }

    #[test]
    fn a_crate_without_tests_has_no_names() {
        assert_eq!(names(Path::new("/no/such/directory")).unwrap(), set(&[]));
    }
}
