//! Dkim: what a signature costs, on a mail of about 20 kB; beside the bare RSA operation of the library.
//!
//! `cargo bench --bench dkim [-- count]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may fail and prints its result"
)]

use std::env;
use std::hint::black_box;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use handbill::render::email::dkim::{Key, Signer};

mod meter;

const COUNT: usize = 2_000;

fn main() {
    let count = env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(COUNT);
    let rsa = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa_pem = pem(rsa.as_der().unwrap().as_ref());
    let ed25519_pem = pem(Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref());
    let rsa_key = || Key::rsa("a", &rsa_pem).unwrap();
    let ed25519_key = || Key::ed25519("b", &ed25519_pem).unwrap();
    let signer = |keys| Signer::new("example.org".to_owned(), "example.org", keys);
    let mail = mail();
    println!("{count} times, a mail of {} bytes", mail.len());
    measure("the RSA operation alone", count, || {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"digest", &mut signature).unwrap();
        black_box(signature);
    });
    let none = signer(Vec::new());
    measure("canonical form and hash alone", count, || sign(&none, &mail));
    let both = signer(vec![rsa_key(), ed25519_key()]);
    measure("both signatures", count, || sign(&both, &mail));
    let one = signer(vec![rsa_key()]);
    measure("RSA", count, || sign(&one, &mail));
    let one = signer(vec![ed25519_key()]);
    measure("Ed25519", count, || sign(&one, &mail));
}

fn sign(signer: &Signer, mail: &[u8]) {
    // The copy is part of it, as it is when a letter is spliced.
    let mut mail = mail.to_vec();
    signer.sign(&mut mail, DateTime::UNIX_EPOCH);
    black_box(mail);
}

fn measure(what: &str, count: usize, work: impl Fn()) {
    let ((), spent) = meter::threads(|| (0..count).for_each(|_| work()));
    let each = spent.cpu.as_secs_f64() / count as f64;
    println!("{what:<32} {:7.1} µs CPU, {:7.0}/s on a core", each * 1e6, 1.0 / each);
}

fn mail() -> Vec<u8> {
    let line = "<p style=3D\"margin:0 0 16px\">The tenants of Alder Street meet in the ya=\r\n";
    let head = "Date: Sun, 08 Jul 2018 22:00:00 +0000\r\nFrom: \"Notices\" <notices@example.org>\r\n\
        To: robin@example.net\r\nSubject: Heat for the third floor\r\nMessage-ID: <k3v9q2m8@example.org>\r\n\
        List-Id: \"Alerts\" <alerts.example.org>\r\n\
        List-Unsubscribe: <https://notices.example.org/leave/bAAAAAAAAAABAAAAAG7El4BhbGVydHM>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative;\r\n boundary=\"=_alternative_39bfb5bb\"\r\n\r\n";
    format!("{head}{}", line.repeat(20_000 / line.len())).into_bytes()
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}
