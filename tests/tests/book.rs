//! The documentation: that the book builds, and that what it says leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, ensure};
use lb_tests::{daemon::binary, temporary_directory};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a directory, as they are found from there.
fn files(directory: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = PathBuf::from(path.file_name().context("a name")?);
        if path.is_dir() {
            found.extend(files(&path)?.into_iter().map(|below| name.join(below)));
        } else {
            found.insert(name);
        }
    }
    Ok(found)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}

/// The book as it was built: its directory is gone by then, since what is asked of by all tests is never dropped.
struct Book {
    /// What was complained of.
    said: String,
    files: BTreeSet<PathBuf>,
    pages: BTreeMap<PathBuf, Page>,
    styles: BTreeMap<PathBuf, String>,
}

/// What a page leads to, and where it can be led to.
struct Page {
    html: String,
    /// Values of `href`, and of `src`.
    links: Vec<String>,
    ids: BTreeSet<String>,
}

/// The values of an attribute.
fn values(html: &str, attribute: &str) -> Vec<String> {
    let begin = format!(" {attribute}=\"");
    let values = html.split(&begin).skip(1);
    let values = values.filter_map(|rest| rest.split('"').next());
    values.map(|value| value.replace("&amp;", "&")).collect()
}

impl Page {
    fn read(html: String) -> Self {
        Self {
            links: [values(&html, "href"), values(&html, "src")].concat(),
            ids: values(&html, "id").into_iter().collect(),
            html,
        }
    }
}

/// It is built once for all that is asked of it.
static BOOK: LazyLock<Book> = LazyLock::new(|| Book::build().expect("the book builds"));

impl Book {
    fn build() -> Result<Self> {
        let directory = temporary_directory()?;
        let mdbook = workspace().join("target/tools/mdbook");
        let output = Command::new(&mdbook)
            .args(["build", "--dest-dir"])
            .arg(directory.path())
            .arg(workspace().join("docs"))
            .env_remove("RUST_LOG")
            .output()
            .with_context(|| format!("there is no {}: `cargo xtask setup`", mdbook.display()))?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        ensure!(output.status.success(), "{said}");
        let files = files(directory.path())?;
        let texts = |extension| {
            let files = files.iter().filter(move |path| has_extension(path, extension));
            files.map(|path| Ok((path.clone(), fs::read_to_string(directory.path().join(path))?)))
        };
        let pages: Result<BTreeMap<_, _>> = texts("html").collect();
        let pages = pages?.into_iter().map(|(path, html)| (path, Page::read(html)));
        let styles: Result<_> = texts("css").collect();
        Ok(Self {
            said,
            pages: pages.collect(),
            styles: styles?,
            files,
        })
    }

    /// All links, with the pages that have them.
    fn links(&self) -> impl Iterator<Item = (&Path, &str)> {
        // What is shown in place of a page that is not there is found from the top of wherever the book is.
        let pages = self
            .pages
            .iter()
            .filter(|(path, _)| *path != Path::new("404.html"));
        pages.flat_map(|(path, page)| page.links.iter().map(|link| (path.as_path(), link.as_str())))
    }

    /// What is wrong with a link of a page, if it leads nowhere.
    fn fault(&self, page: &Path, link: &str) -> Option<&'static str> {
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = match path {
            "" => page.to_owned(),
            path => plain(&page.with_file_name("").join(path)),
        };
        if !self.files.contains(&target) {
            return Some("there is no such file");
        }
        let found = self.pages.get(&target);
        let leads = anchor.is_empty() || found.is_some_and(|page| page.ids.contains(anchor));
        (!leads).then_some("there is no such place in it")
    }
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Whether a browser would ask another server.
fn is_outside(link: &str) -> bool {
    !link.starts_with("data:") && (link.contains("://") || link.starts_with("//"))
}

#[test]
fn the_book_builds_without_a_complaint() {
    for complaint in ["WARN", "ERROR"] {
        assert!(!BOOK.said.contains(complaint), "{}", BOOK.said);
    }
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let inside = BOOK.links().filter(|(_, link)| !is_outside(link));
    let dead: Vec<_> = inside
        .filter_map(|(page, link)| Some((page, link, BOOK.fault(page, link)?)))
        .collect();
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(BOOK.links().count() > 100, "the links are not found");
    for nowhere in ["nowhere.html", "#nowhere", "concepts.html#nowhere"] {
        assert!(
            BOOK.fault(Path::new("index.html"), nowhere).is_some(),
            "{nowhere}"
        );
    }
}

#[test]
fn the_book_needs_nothing_from_elsewhere() {
    // Links too: who reads it on a balancer has no way to anywhere else.
    let outside: Vec<_> = BOOK.links().filter(|(_, link)| is_outside(link)).collect();
    assert!(outside.is_empty(), "{outside:#?}");
    for (style, text) in &BOOK.styles {
        let urls = text.split("url(").skip(1);
        for url in urls.map(|rest| rest.trim_start_matches(['"', '\''])) {
            let url = url.split(')').next().unwrap_or(url);
            assert!(!is_outside(url), "{url} in {}", style.display());
        }
    }
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    // What is in no chapter is copied as it is.
    let left: Vec<_> = BOOK
        .files
        .iter()
        .filter(|path| has_extension(path, "md"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn everything_that_a_page_includes_is_there() -> Result<()> {
    let source = workspace().join("docs/src");
    let mut count = 0;
    for page in files(&source)?.iter().filter(|path| has_extension(path, "md")) {
        let page = source.join(page);
        let text = fs::read_to_string(&page)?;
        let included = text
            .split("{{#include ")
            .skip(1)
            .filter_map(|rest| rest.split("}}").next());
        for included in included {
            // Lines or an anchor may follow.
            let file = included.split(':').next().unwrap_or(included).trim();
            assert!(
                page.with_file_name(file).is_file(),
                "{file} in {}",
                page.display()
            );
            count += 1;
        }
    }
    assert!(count > 0, "no page includes anything");
    for (path, page) in &BOOK.pages {
        assert!(!page.html.contains("{{#"), "{}", path.display());
    }
    Ok(())
}

#[test]
fn every_example_of_the_book_is_valid() -> Result<()> {
    let directory = workspace().join("docs/src/examples");
    let examples = files(&directory)?;
    let examples = examples.iter().filter(|path| has_extension(path, "toml"));
    let mut count = 0;
    for example in examples {
        let output = Command::new(binary())
            .arg("check")
            .arg(directory.join(example))
            .output()?;
        assert!(output.status.success(), "{}: {output:?}", example.display());
        count += 1;
    }
    assert!(count > 0, "there are no examples");
    Ok(())
}
