//! JKS, Java's own form until 2017: entries in plain sight, their digest keyed by the password, keys hidden
//! by it. Every length is looked at before it is believed.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA1_OUTPUT_LEN};
use rustls::pki_types::CertificateDer;

use super::{Identity, KeyStore, KeyStoreError, NamedKey, belongs, only};

/// What is mixed into the digest behind the password.
const WHITENER: &[u8] = b"Mighty Aphrodite";

const KEY: u32 = 1;
const CERTIFICATE: u32 = 2;

/// The identifier of the only way in which JKS hides keys, 1.3.6.1.4.1.42.2.17.1.1, in DER.
const PROTECTOR: [u8; 10] = [0x2b, 6, 1, 4, 1, 0x2a, 2, 0x11, 1, 1];

/// Reads a store, `rest` being what follows its first word.
pub(super) fn read(all: &[u8], rest: &[u8], password: &str) -> Result<KeyStore, KeyStoreError> {
    let password = utf16(password);
    let (content, digest) = all.split_last_chunk::<SHA1_OUTPUT_LEN>().ok_or_else(ends_early)?;
    if sha1(&[&password, WHITENER, content]) != *digest {
        return Err(KeyStoreError::Password);
    }
    let entries = rest.get(..rest.len().saturating_sub(SHA1_OUTPUT_LEN)).unwrap_or_default();
    let mut reader = Reader(entries);
    let version = reader.u32()?;
    if !matches!(version, 1 | 2) {
        return Err(KeyStoreError::Damaged(format!("it has version {version}")));
    }
    let (mut authorities, mut keys) = (Vec::new(), Vec::new());
    for _ in 0..reader.u32()? {
        let (kind, alias) = (reader.u32()?, reader.text()?);
        let _created = reader.take(8)?;
        match kind {
            CERTIFICATE => authorities.push(reader.certificate(version)?),
            KEY => keys.push(reader.key(version, alias)?),
            other => {
                return Err(KeyStoreError::Damaged(format!("{alias:?} is of kind {other}")));
            }
        }
    }
    let entry = only(keys, |entry| &entry.alias)?;
    let identity = entry.map(|entry| entry.open(&password)).transpose()?;
    Ok(KeyStore { authorities, identity })
}

/// A key that is still hidden.
struct KeyEntry<'a> {
    alias: String,
    hidden: &'a [u8],
    chain: Vec<CertificateDer<'static>>,
}

impl KeyEntry<'_> {
    fn open(self, password: &[u8]) -> Result<Identity, KeyStoreError> {
        let plain = self.reveal(password)?;
        let NamedKey { key, .. } = NamedKey::new(&self.alias, &plain);
        let own = self.chain.first().ok_or(KeyStoreError::NoCertificate)?;
        if !belongs(own, &key).map_err(KeyStoreError::Key)? {
            return Err(KeyStoreError::NoCertificate);
        }
        Ok(Identity { chain: self.chain, key })
    }

    /// Salt, key and digest: the key is masked by a chain of digests of password and salt.
    fn reveal(&self, password: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
        let damaged =
            || KeyStoreError::Damaged(format!("the key {:?} is not hidden as in JKS", self.alias));
        let data = protected(self.hidden).ok_or_else(damaged)?;
        let (salt, rest) = data.split_first_chunk::<SHA1_OUTPUT_LEN>().ok_or_else(damaged)?;
        let (masked, digest) = rest.split_last_chunk::<SHA1_OUTPUT_LEN>().ok_or_else(damaged)?;
        let (mut plain, mut mask) = (Vec::with_capacity(masked.len()), *salt);
        for block in masked.chunks(SHA1_OUTPUT_LEN) {
            mask = sha1(&[password, &mask]);
            plain.extend(block.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        }
        if sha1(&[password, &plain]) != *digest {
            return Err(KeyStoreError::KeyPassword { alias: self.alias.clone() });
        }
        Ok(plain)
    }
}

/// The bytes that an `EncryptedPrivateKeyInfo` of JKS's own algorithm protects.
fn protected(der: &[u8]) -> Option<&[u8]> {
    let (whole, _) = element(der, 0x30)?;
    let (algorithm, rest) = element(whole, 0x30)?;
    let (id, _) = element(algorithm, 0x06)?;
    (id == PROTECTOR).then(|| element(rest, 0x04).map(|(data, _)| data))?
}

/// The content of a DER element with this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    if first < 0x80 {
        return rest.split_at_checked(usize::from(first));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    let length = digits.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    rest.split_at_checked(usize::try_from(length).ok()?)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], KeyStoreError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(ends_early)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, KeyStoreError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(ends_early)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    fn sized(&mut self) -> Result<&'a [u8], KeyStoreError> {
        let size = usize::try_from(self.u32()?).map_err(|_| ends_early())?;
        self.take(size)
    }

    fn text(&mut self) -> Result<String, KeyStoreError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(ends_early)?;
        self.0 = rest;
        let text = self.take(usize::from(u16::from_be_bytes(*bytes)))?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn certificate(&mut self, version: u32) -> Result<CertificateDer<'static>, KeyStoreError> {
        if version > 1 {
            let kind = self.text()?;
            if kind != "X.509" {
                return Err(KeyStoreError::Damaged(format!("a certificate is of kind {kind:?}")));
            }
        }
        Ok(CertificateDer::from(self.sized()?.to_vec()))
    }

    fn key(&mut self, version: u32, alias: String) -> Result<KeyEntry<'a>, KeyStoreError> {
        let hidden = self.sized()?;
        let mut chain = Vec::new();
        for _ in 0..self.u32()? {
            chain.push(self.certificate(version)?);
        }
        Ok(KeyEntry { alias, hidden, chain })
    }
}

fn ends_early() -> KeyStoreError {
    KeyStoreError::Damaged("it ends early".to_owned())
}

/// A password as Java has it, in UTF-16.
fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn sha1(parts: &[&[u8]]) -> [u8; SHA1_OUTPUT_LEN] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    let mut digest = [0; SHA1_OUTPUT_LEN];
    for (to, from) in digest.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    digest
}
