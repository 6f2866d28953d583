//! Requests that are to be refused.

use anyhow::Result;

use crate::site::Site;

/// All that comes back for these bytes, until the connection ends.
pub fn answer(site: &Site, bytes: impl AsRef<[u8]>) -> Result<String> {
    let mut wire = site.wire()?;
    wire.send(bytes)?;
    Ok(String::from_utf8_lossy(&wire.rest()?).into_owned())
}

/// Asserts that these bytes are answered with that status, and that nothing more is made of them.
#[track_caller]
pub fn assert_refused(site: &Site, status: u16, bytes: impl AsRef<[u8]>) {
    let sent = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    let sent = sent.get(..300).unwrap_or(&sent);
    let answer = answer(site, &bytes).unwrap_or_else(|error| panic!("{sent:?}: {error:#}"));
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{sent:?}: {answer:?}"
    );
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{sent:?}: {answer:?}");
}
