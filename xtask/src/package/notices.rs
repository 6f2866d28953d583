//! Whose work goes out with ours, and under which terms: most of these want to be carried along.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::build::BPF_TARGET;
use crate::process::read;
use crate::workspace::Workspace;

/// A crate or a module of somebody else.
#[derive(Debug)]
struct Work {
    name: String,
    version: String,
    /// As an SPDX expression.
    terms: String,
    /// What has to be carried along.
    texts: Vec<String>,
}

/// All of it, as text.
pub(super) fn notices(workspace: &Workspace) -> Result<String> {
    let cargo = read(&mut workspace.cargo(&["-vV"]))?;
    let said = |key: &str| {
        let value = cargo.lines().find_map(|line| line.strip_prefix(key));
        value.with_context(|| format!("`cargo -vV` says no {key}"))
    };
    let mut linked = vec![Work {
        name: "Rust's standard library".to_owned(),
        version: said("release: ")?.to_owned(),
        terms: "MIT OR Apache-2.0".to_owned(),
        texts: vec![apache(workspace)?],
    }];
    linked.extend(crates(workspace, "lb-user", "Cargo.toml", said("host: ")?)?);
    let datapath = crates(workspace, "lb-ebpf", "lb-ebpf/Cargo.toml", BPF_TARGET)?;
    Ok(written(&[
        ("In the daemon", linked),
        ("In its datapath", datapath),
        ("In its console", modules(workspace)?),
    ]))
}

/// What is linked into a program of ours, and is not ours: neither what only builds or tests it, nor what only other programs of
/// the workspace want.
fn crates(workspace: &Workspace, package: &str, manifest: &str, target: &str) -> Result<Vec<Work>> {
    let cargo = |words: &[&str]| read(workspace.cargo(words).args(["--manifest-path", manifest]));
    let edges = ["--edges", "normal,no-proc-macro"];
    let shape = ["--prefix", "none", "--format", "{p}"];
    let tree = ["tree", "--package", package, "--target", target];
    let linked = cargo(&[&tree[..], &edges, &shape].concat())?;
    let linked: BTreeSet<_> = linked.lines().filter_map(name_and_version).collect();
    let known = cargo(&["metadata", "--format-version", "1", "--filter-platform", target])?;
    let known: Value = serde_json::from_str(&known)?;
    let known = known["packages"].as_array().context("cargo knows no packages")?;

    let mut works = Vec::new();
    for (name, version) in linked {
        let one = known
            .iter()
            .find(|one| one["name"] == *name && one["version"] == *version);
        let one = one.with_context(|| format!("cargo does not know {name} {version}"))?;
        // Only ours come from nowhere.
        if one["source"].is_null() {
            continue;
        }
        let terms = one["license"]
            .as_str()
            .with_context(|| format!("{name} is under no licence"))?;
        let manifest = one["manifest_path"].as_str().map_or(Path::new(""), Path::new);
        let mut texts = texts_of(manifest.parent().context("a crate has a directory")?)?;
        if texts.is_empty() {
            // Of the terms to choose from, those that are the same for everyone.
            if !terms.contains("Apache-2.0") {
                bail!("{name} {version} ({terms}) comes without a text of its licence");
            }
            texts.push(apache(workspace)?);
        }
        works.push(Work {
            name: name.to_owned(),
            version: version.to_owned(),
            terms: terms.to_owned(),
            texts,
        });
    }
    Ok(works)
}

/// Reads `anyhow v1.0.98`, whatever follows.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

/// What is bundled into the console. Its texts are in the repository as the bundle is: nobody needs npm to make a package.
fn modules(workspace: &Workspace) -> Result<Vec<Work>> {
    let lock = workspace.at("lb-user/console/package-lock.json");
    let lock = fs::read(&lock).with_context(|| lock.display().to_string())?;
    let lock: Value = serde_json::from_slice(&lock)?;
    let all = lock["packages"].as_object().context("npm locks no packages")?;
    let mut works = Vec::new();
    for (path, one) in all {
        let Some(name) = path.strip_prefix("node_modules/") else {
            continue;
        };
        if one["dev"] == true {
            continue;
        }
        let text = workspace.at("packaging/licences").join(name);
        let said = |key: &str| one[key].as_str().with_context(|| format!("{name} has no {key}"));
        works.push(Work {
            name: name.to_owned(),
            version: said("version")?.to_owned(),
            terms: said("license")?.to_owned(),
            texts: vec![fs::read_to_string(&text).with_context(|| text.display().to_string())?],
        });
    }
    Ok(works)
}

fn apache(workspace: &Workspace) -> Result<String> {
    let file = workspace.at("LICENSE-APACHE");
    fs::read_to_string(&file).with_context(|| file.display().to_string())
}

/// Every licence and notice below a crate's directory: those of sources that it has taken over lie deeper.
fn texts_of(directory: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    collect(directory, &mut files)?;
    files.sort();
    let text = |file: &PathBuf| {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    files.iter().map(text).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if entry.file_type()?.is_dir() {
            // `.github` has what checks licences.
            if !name.starts_with('.') {
                collect(&entry.path(), files)?;
            }
        } else if is_of_terms(&name) {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn is_of_terms(name: &str) -> bool {
    let names = [
        "license",
        "licence",
        "unlicense",
        "copying",
        "copyright",
        "notice",
    ];
    names.iter().any(|begin| name.starts_with(begin))
}

/// Each work by its name, and each text once, whoever wrapped its lines.
fn written(parts: &[(&str, Vec<Work>)]) -> String {
    let mut list = String::from(
        "Holdfast is made with the work of others, who let everyone use it under terms of their own. The texts of these terms \
         follow the list. Where terms are joined by OR, either will do.\n",
    );
    let mut texts = String::new();
    let mut numbers = HashMap::new();
    for (part, works) in parts {
        let _ = write!(list, "\n{part}:\n\n");
        for work in works {
            let mut said = Vec::new();
            for text in &work.texts {
                let words: Vec<_> = text.split_whitespace().collect();
                let next = numbers.len() + 1;
                let number = *numbers.entry(words.join(" ")).or_insert_with(|| {
                    let _ = write!(texts, "\n---- {next} ----\n\n{}\n", text.trim_end());
                    next
                });
                if !said.contains(&number.to_string()) {
                    said.push(number.to_string());
                }
            }
            let Work {
                name, version, terms, ..
            } = work;
            let _ = writeln!(list, "{name} {version}: {terms} ({})", said.join(", "));
        }
    }
    list + &texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(name: &str, texts: &[&str]) -> Work {
        Work {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            terms: "MIT".to_owned(),
            texts: texts.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    #[test]
    fn a_text_that_several_have_stands_there_once() {
        let parts = [
            (
                "Here",
                vec![work("a", &["Do as\nyou like."]), work("b", &["Do not."])],
            ),
            ("There", vec![work("c", &["Do as you like.\n", "Do not."])]),
        ];
        let written = written(&parts);
        let (_, after) = written.split_once("\nHere:\n").unwrap();
        assert_eq!(
            after,
            "\na 1.0.0: MIT (1)\nb 1.0.0: MIT (2)\n\nThere:\n\nc 1.0.0: MIT (1, 2)\n\n\
             ---- 1 ----\n\nDo as\nyou like.\n\n---- 2 ----\n\nDo not.\n"
        );
    }

    #[test]
    fn licences_are_known_by_their_names() {
        for name in [
            "license-mit",
            "copying",
            "notice.txt",
            "licence",
            "license.httprouter",
        ] {
            assert!(is_of_terms(name), "{name}");
        }
        assert!(!is_of_terms("readme.md"));
    }

    #[test]
    fn cargo_names_a_crate_its_version_and_where_it_is() {
        assert_eq!(
            name_and_version("a-b v1.2.3 (/some/where)"),
            Some(("a-b", "1.2.3"))
        );
        assert_eq!(name_and_version(""), None);
    }
}
