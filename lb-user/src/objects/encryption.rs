//! How TLS is spoken: what listeners and pools say of it alike.

use super::{
    fault::Fault,
    form::{Form, When},
    kind::{List, Nullable, Ruled, Text},
};

/// What is said to be offered where nobody asks for anything else.
const CIPHERS: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:\
ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:\
DHE-RSA-CHACHA20-POLY1305";
/// The versions that are known, from the oldest.
const VERSIONS: [&str; 5] = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
/// The oldest one that is spoken.
const OLDEST: &str = "TLSv1.2";
const PROTOCOLS: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

/// The fields.
pub(super) fn form(
    form: &mut impl Form,
    ciphers: &mut Option<String>,
    versions: &mut Option<Vec<String>>,
    protocols: &mut Option<Vec<String>>,
) {
    let text = Nullable(Text { least: 0, most: 2048 });
    form.field("tls_ciphers", When::OPEN, ciphers, &None, &text);
    let words = Nullable(List {
        of: Text { least: 0, most: 32 },
        most: 16,
    });
    form.field("tls_versions", When::OPEN, versions, &None, &words);
    let words = Nullable(List {
        of: Ruled(protocol),
        most: 16,
    });
    form.field("alpn_protocols", When::OPEN, protocols, &None, &words);
}

fn protocol(word: &str) -> Result<(), String> {
    if PROTOCOLS.contains(&word) {
        Ok(())
    } else {
        Err("Value should be a valid ALPN protocol ID".into())
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().copied().map(str::to_owned).collect()
}

/// What there is where nothing is said.
pub(super) fn fill(ciphers: &mut Option<String>, versions: &mut Option<Vec<String>>) {
    ciphers.get_or_insert_with(|| CIPHERS.to_owned());
    versions.get_or_insert_with(|| owned(&["TLSv1.2", "TLSv1.3"]));
}

/// The protocols that are offered where nothing is said.
pub(super) fn all_protocols() -> Vec<String> {
    owned(&PROTOCOLS)
}

/// Refuses what is no way to speak TLS.
pub(super) fn check(
    ciphers: Option<&str>,
    versions: Option<&[String]>,
    protocols: Option<&[String]>,
) -> Result<(), Fault> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-+!:@=_.".contains(&byte);
    if !ciphers.unwrap_or_default().bytes().all(is_fine) {
        return Err(Fault::invalid(
            "Invalid characters in cipher string. Only alphanumeric, -, +, !, :, @, =, _, and . are allowed.",
        )
        .at("tls_ciphers"));
    }
    if let Some(versions) = versions {
        check_versions(versions).map_err(|fault| fault.at("tls_versions"))?;
    }
    if protocols.is_some_and(<[String]>::is_empty) {
        return Err(Fault::invalid(
            "Empty ALPN protocol list. Either specify at least one ALPN protocol or remove this parameter to use the \
             default.",
        )
        .at("alpn_protocols"));
    }
    Ok(())
}

fn check_versions(versions: &[String]) -> Result<(), Fault> {
    if versions.is_empty() {
        return Err(Fault::invalid(
            "Empty TLS version list. Either specify at least one TLS version or remove this parameter to use the \
             default.",
        ));
    }
    let place = |version: &str| VERSIONS.iter().position(|known| *known == version);
    let listed = |is: &dyn Fn(&str) -> bool| {
        let all = versions.iter().map(String::as_str).filter(|version| is(version));
        all.collect::<Vec<_>>().join(", ")
    };
    let unknown = listed(&|version| place(version).is_none());
    if !unknown.is_empty() {
        return Err(Fault::invalid(format!("Invalid TLS versions: {unknown}")));
    }
    let old = listed(&|version| place(version) < place(OLDEST));
    if !old.is_empty() {
        let text = format!("Requested TLS versions are less than the minimum: {old} < {OLDEST}");
        return Err(Fault::invalid(text));
    }
    Ok(())
}

/// Refuses ciphers other than those that there are.
pub(super) fn check_ciphers(ciphers: Option<&str>) -> Result<(), Fault> {
    match ciphers {
        Some(given) if given != CIPHERS => Err(Fault::unsupported(
            "tls_ciphers; leave it out: those of TLS 1.3, and of TLS 1.2 those with forward secrecy and AEAD, are spoken",
        )
        .at("tls_ciphers")),
        _ => Ok(()),
    }
}
