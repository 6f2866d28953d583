//! curl, as a client that others have written.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::{Echo, Scheme};
use crate::netns::Namespace;

/// What curl got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// `1.1` or `2`.
    pub version: String,
    /// The status.
    pub status: u16,
    /// How many connections it took to get it: none where one was there.
    pub connections: u32,
    /// The body.
    pub body: String,
}

impl Page {
    /// The request as the member got it.
    pub fn echo(&self) -> Result<Echo> {
        serde_json::from_str(&self.body).with_context(|| format!("not what a member got: {self:?}"))
    }
}

/// curl in a namespace.
#[derive(Clone, Debug)]
pub struct Curl<'n> {
    namespace: &'n Namespace,
    to: SocketAddr,
    arguments: Vec<String>,
}

impl<'n> Curl<'n> {
    /// One that finds every host that it is asked for at this address.
    #[must_use]
    pub fn new(namespace: &'n Namespace, to: SocketAddr) -> Self {
        Self {
            namespace,
            to,
            arguments: Vec::new(),
        }
    }

    /// Further arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Trusts this authority, and no other.
    #[must_use]
    pub fn trusting(self, authority: &Path) -> Self {
        let authority = authority.display().to_string();
        self.with(&["--cacert", &authority])
    }

    /// Keeps cookies in a file.
    #[must_use]
    pub fn with_jar(self, jar: &Path) -> Self {
        let jar = jar.display().to_string();
        self.with(&["--cookie", &jar, "--cookie-jar", &jar])
    }

    /// Gets a page.
    pub fn get(&self, scheme: Scheme, host: &str, target: &str) -> Result<Page> {
        let mut pages = self.get_all(scheme, host, &[target])?;
        pages.pop().context("curl got nothing")
    }

    /// Gets pages one after the other, over one connection if it can.
    pub fn get_all(&self, scheme: Scheme, host: &str, targets: &[&str]) -> Result<Vec<Page>> {
        let urls = targets
            .iter()
            .map(|target| format!("{scheme}://{host}:{}{target}", self.to.port()));
        let output = self
            .namespace
            .command("curl")
            .args(["--silent", "--show-error", "--globoff", "--max-time", "15"])
            .args(["--connect-to", &format!("::{}", self.to)])
            .args([
                "--write-out",
                "\\n%{http_version} %{response_code} %{num_connects}\\n",
            ])
            .args(&self.arguments)
            .args(urls)
            .output()
            .context("cannot run `curl`")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", output.status, complaint.trim());
        let text = String::from_utf8(output.stdout)?;
        let lines: Vec<&str> = text.lines().collect();
        lines.chunks(2).map(page).collect()
    }
}

fn page(lines: &[&str]) -> Result<Page> {
    let said = || format!("not what curl was told to write: {lines:?}");
    let [body, told] = lines else {
        anyhow::bail!(said());
    };
    let mut told = told.split(' ');
    let mut next = || told.next().with_context(said);
    Ok(Page {
        version: next()?.to_owned(),
        status: next()?.parse()?,
        connections: next()?.parse()?,
        body: (*body).to_owned(),
    })
}
