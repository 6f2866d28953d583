//! Passwords and tokens: what is kept of them is what argon2id (RFC 9106) makes of them.

use anyhow::{Context as _, anyhow, ensure};
use argon2::{
    Argon2, PasswordVerifier as _,
    password_hash::{PasswordHash as Parsed, PasswordHasher as _, SaltString},
};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::model::PasswordHash;

/// The longest password or token, in bytes. Longer ones are not looked at.
pub(crate) const LONGEST: usize = 1024;

// What verifying may cost, beyond which nobody means it: 1 GiB, and some seconds.
const MOST_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 64;
const MOST_LANES: u32 = 16;

/// Whether a password is the one that a hash was made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It is.
    Right,
    /// It is not.
    Wrong,
}

/// The hash that a string in the PHC format stands for. What is wrong is said without the string, which may be a password.
pub(crate) fn understand(phc: &str) -> Result<PasswordHash, &'static str> {
    const NOT_ONE: &str =
        "is no hash of argon2id; write what `holdfast hash-password` prints, \"$argon2id$v=19$...\"";
    let parsed = Parsed::new(phc).map_err(|_| NOT_ONE)?;
    let parameters = argon2::Params::try_from(&parsed).map_err(|_| NOT_ONE)?;
    if parsed.algorithm != argon2::ARGON2ID_IDENT || parsed.hash.is_none() || parsed.salt.is_none() {
        return Err(NOT_ONE);
    }
    if parameters.m_cost() > MOST_KIB || parameters.t_cost() > MOST_PASSES || parameters.p_cost() > MOST_LANES
    {
        return Err(
            "costs too much to verify; write one with m (KiB) of at most 1048576, t of 64 and p of 16",
        );
    }
    Ok(PasswordHash::new(phc))
}

/// What is to be kept of a password.
pub(crate) fn hash(password: &[u8]) -> anyhow::Result<PasswordHash> {
    ensure!(!password.is_empty(), "the password is empty");
    ensure!(
        password.len() <= LONGEST,
        "the password is too long: at most {LONGEST} bytes are allowed"
    );
    let mut salt = [0; 16];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| anyhow!("the kernel gives no random numbers"))?;
    let odd = "the password cannot be hashed";
    let salt = SaltString::encode_b64(&salt)
        .map_err(|error| anyhow!(error))
        .context(odd)?;
    let hash = Argon2::default().hash_password(password, &salt);
    let hash = hash.map_err(|error| anyhow!(error)).context(odd)?;
    Ok(PasswordHash::new(hash.to_string()))
}

/// Compares, in a time that says nothing of how alike they are. It takes long, by intention.
pub(crate) fn verify(password: &[u8], hash: &PasswordHash) -> Verdict {
    let verified =
        Parsed::new(hash.phc()).and_then(|hash| Argon2::default().verify_password(password, &hash));
    match verified {
        Ok(()) => Verdict::Right,
        Err(_) => Verdict::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_no_other_is() {
        let hash = hash(b"open sesame").unwrap();
        assert!(
            hash.phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.phc()
        );
        assert_eq!(understand(hash.phc()), Ok(hash.clone()));
        assert_eq!(verify(b"open sesame", &hash), Verdict::Right);
        assert_eq!(verify(b"open sesam", &hash), Verdict::Wrong);
    }

    #[test]
    fn two_hashes_of_a_password_have_nothing_in_common() {
        assert_ne!(hash(b"a").unwrap(), hash(b"a").unwrap());
    }

    #[test]
    fn what_is_no_hash_or_too_dear_a_one_is_not_taken() {
        let salt_and_hash = "c2FsdHNhbHRzYWx0$1dSl2k3mMQbUmP0wTPlqoiLYyCrwKa5PdeB1gSWXR5o";
        for (phc, says) in [
            ("open sesame".to_owned(), "is no hash"),
            (format!("$argon2i$v=19$m=8,t=1,p=1${salt_and_hash}"), "is no hash"),
            (
                "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0".to_owned(),
                "is no hash",
            ),
            (
                format!("$argon2id$v=19$m=2000000,t=1,p=1${salt_and_hash}"),
                "costs too much",
            ),
        ] {
            let said = understand(&phc).unwrap_err();
            assert!(said.contains(says), "{phc}: {said}");
        }
    }
}
