//! Signing: what is published can be held to the key that published it.

use std::process::{Command, Output};

use handbill::signing::{Fault, Link, Public, Signer, chain_text, follow, read_chain, verify};

use crate::world::World;

const OLD: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
";
const NEW: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA
-----END PRIVATE KEY-----
";
const TEXT: &[u8] = b"We meet at nine.\n";

fn signer(pem: &str) -> Signer {
    Signer::of_pem(pem).unwrap()
}

#[test]
fn a_signature_holds_for_its_bytes_its_comment_and_its_key_alone() {
    let key = signer(OLD);
    let signature = key.sign(TEXT, "march, revision 0");
    assert_eq!(verify(key.public(), &[], TEXT, &signature), Ok("march, revision 0".to_owned()));
    assert_eq!(signature, signer(OLD).sign(TEXT, "march, revision 0"), "the same bytes");
    for at in 0..TEXT.len() {
        let mut flipped = TEXT.to_vec();
        flipped[at] ^= 1;
        assert_eq!(verify(key.public(), &[], &flipped, &signature), Err(Fault::Changed), "byte {at}");
    }
    let other = signature.replace("revision 0", "revision 1");
    assert_eq!(verify(key.public(), &[], TEXT, &other), Err(Fault::Changed));
    let foreign = verify(signer(NEW).public(), &[], TEXT, &signature);
    assert!(matches!(foreign, Err(Fault::OtherKey { .. })), "{foreign:?}");
    assert_eq!(verify(key.public(), &[], TEXT, "no signature"), Err(Fault::Signature));
}

#[test]
fn a_public_key_is_read_from_its_file_and_from_its_line() {
    let public = signer(OLD).public().clone();
    assert_eq!(Public::read(&public.file()), Ok(public.clone()));
    assert_eq!(Public::read(&public.line()), Ok(public.clone()));
    assert!(public.line().starts_with("RW"));
    assert_eq!(Public::read("RWno"), Err(Fault::Key));
    assert_eq!(Public::read(""), Err(Fault::Key));
}

#[test]
fn who_trusts_a_key_trusts_those_that_it_names_and_no_other() {
    let (old, new) = (signer(OLD), signer(NEW));
    let named = |by: &Signer| Link {
        public: new.public().file(),
        signature: Some(by.sign(new.public().file().as_bytes(), "next")),
    };
    let first = Link { public: old.public().file(), signature: None };
    let chain = [first.clone(), named(&old)];
    assert_eq!(read_chain(&chain_text(&chain)).unwrap(), chain);
    assert_eq!(follow(old.public(), &chain), [old.public().clone(), new.public().clone()]);
    let signature = new.sign(TEXT, "later");
    assert_eq!(verify(old.public(), &chain, TEXT, &signature), Ok("later".to_owned()));
    // It names itself: nobody who trusts the old one has a reason to believe it.
    let forged = [first, named(&new)];
    assert!(verify(old.public(), &forged, TEXT, &signature).is_err());
    // Who trusts the new one alone does not trust the old.
    assert!(verify(new.public(), &chain, TEXT, &old.sign(TEXT, "")).is_err());
}

fn handbill(world: &World, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handbill")).arg("-C").arg(world.path()).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_key_is_made_once_and_changed_by_one_that_names_the_next() {
    let world = World::new("");
    let refused = handbill(&world, &["signing", "public"]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    let first = said(&handbill(&world, &["signing", "keygen"]));
    assert!(first.starts_with("untrusted comment: minisign public key "), "{first}");
    assert_eq!(handbill(&world, &["signing", "keygen"]).status.code(), Some(3));
    std::fs::write(world.path().join("first.pub"), &first).unwrap();
    let second = said(&handbill(&world, &["signing", "rotate"]));
    assert_ne!(first, second);
    let chain = std::fs::read_to_string(world.path().join("signing.chain")).unwrap();
    let chain = read_chain(&chain).unwrap();
    let trusted = Public::read(&first).unwrap();
    assert_eq!(follow(&trusted, &chain), [trusted.clone(), Public::read(&second).unwrap()]);
    // What the new key signs, who trusts the first one can verify with the command.
    let pem = std::fs::read_to_string(world.path().join("secrets/signing.pem")).unwrap();
    let file = world.path().join("notice.txt");
    std::fs::write(&file, TEXT).unwrap();
    let signature = Signer::of_pem(&pem).unwrap().sign(TEXT, "march");
    std::fs::write(world.path().join("notice.txt.minisig"), signature).unwrap();
    let path = file.to_str().unwrap();
    let key = world.path().join("first.pub");
    let verified = handbill(&world, &["verify", path, "--key", key.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", said(&verified));
    std::fs::write(&file, "We meet at ten.\n").unwrap();
    let refused = handbill(&world, &["verify", path]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("one of the two was changed"), "{}", said(&refused));
}

const MARCH: &str = "+++\nkind = \"action\"\ntitle = \"March\"\nstarts = 2018-07-10 09:00\nzone = \"UTC\"\n\
                     [place]\nname = \"Union Square\"\nvisibility = \"day-of\"\nreveal_at = 2018-07-10 06:00\n+++\n\
                     Bring water.\n";

#[test]
fn every_notice_stands_beside_its_signature_as_it_is_shown() {
    let mut world = World::new("[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n");
    let key = said(&handbill(&world, &["signing", "keygen"]));
    world.reopen();
    let key = Public::read(&key).unwrap();
    world.subscribe(&["ana"], "alerts");
    world.look("2018-07-06T12:00Z");
    world.write("march", MARCH);
    world.pass("2018-07-06T13:00Z");
    let site = world.path().join("data/site");
    let read = |path: &str| std::fs::read_to_string(site.join(path)).unwrap();
    let check = |revision: u32| {
        let text = read("notices/march/notice.txt");
        let signature = read("notices/march/notice.txt.minisig");
        let comment = verify(&key, &[], text.as_bytes(), &signature).unwrap();
        assert!(comment.contains(&format!(":march revision {revision} of 2018-07-")), "{comment}");
        text
    };
    let before = check(0);
    assert!(before.contains("March") && before.contains("Bring water."), "{before}");
    assert!(!before.contains("Union Square"), "{before}");
    world.pass("2018-07-10T06:00Z");
    assert!(check(1).contains("Union Square"));
    // Who reads the page, the feed or the mail is told of it.
    for path in ["notices/march/index.html", "feeds/all.atom"] {
        assert!(
            read(path).contains("https://notices.example.org/notices/march/notice.txt.minisig"),
            "{path}"
        );
    }
    let mails = world.arrived();
    assert!(mails.iter().all(|mail| mail.text.contains(&key.line())), "{}", mails[0].text);
    assert_eq!(read("signing.pub"), key.file());
    assert_eq!(read_chain(&read("signing.chain")).unwrap().len(), 1);
}
