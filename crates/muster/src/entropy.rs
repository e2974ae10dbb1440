//! Randomness: the one place that asks the system for it; and what is kept of a token that was made of it.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Fills an array with random bytes.
///
/// # Panics
/// When the operating system has no randomness to give; nothing safe can be done then.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Letters and digits, each of 62 equally likely.
pub fn alphanumeric(chars: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(chars);
    while text.len() < chars {
        // Of 64 values the last two are thrown away, so that none is likelier than another.
        let drawn = bytes::<32>().map(|byte| usize::from(byte & 63));
        let letters = drawn.into_iter().filter_map(|at| ALPHABET.get(at).copied().map(char::from));
        text.extend(letters.take(chars - text.len()));
    }
    text
}

/// The SHA-256 of a token: what is kept of it. A token is random enough not to be guessed from that.
pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A password or token of 192 random bits, safe in URLs, shells and forms.
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<24>())
}
