//! Pictures: what of an image's file reaches the site, and what never does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use flate2::Crc;
use handbill::channel::site::{Manifest, read_manifest};
use handbill::notice::picture::{Cleaned, Unfit, clean, media_type, path_of};
use tempfile::TempDir;

/// Words that stand in each of the parts that must go.
const SECRETS: [&[u8]; 8] =
    [b"Exif", b"GPS", b"http://ns.adobe.com/xap", b"Photoshop", b"ICC", b"taken by", b"MPF", b"acsp"];

/// EXIF as a telephone writes it: one directory with an orientation and a GPS directory.
fn exif(orientation: u16) -> Vec<u8> {
    let mut tiff = b"MM\0\x2A\0\0\0\x08\0\x02".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1]);
    tiff.extend([orientation.to_be_bytes(), [0, 0]].concat());
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0x26]);
    tiff.extend(b"\0\0\0\0 GPS 40 45 45 N 73 58 54 W");
    tiff
}

fn segment(marker: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker][..], &length, contents].concat()
}

/// A progressive JPEG of two scans, with everything that cameras and programs put between its parts, and without.
fn jpeg(orientation: u16) -> (Vec<u8>, Vec<u8>) {
    let exif = segment(0xE1, &[b"Exif\0\0", &exif(orientation)[..]].concat());
    let second = [b"\xFF\xD8", &exif[..], b"\xFF\xD9"].concat();
    // Each with whether it draws.
    let parts: Vec<(Vec<u8>, bool)> = vec![
        (b"\xFF\xD8".to_vec(), true),
        (segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"), true),
        (exif, false),
        (segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"), false),
        (segment(0xE2, b"ICC_PROFILE\0\x01\x01acsp of a telephone"), false),
        (segment(0xE2, b"MPF\0II"), false),
        (segment(0xED, b"Photoshop 3.0\08BIM taken by"), false),
        (segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01"), true),
        (segment(0xFE, b"taken by somebody"), false),
        (segment(0xDB, &[7; 65]), true),
        (segment(0xC2, b"\x08\0\x10\0\x10\x01\x01\x11\0"), true),
        (segment(0xC4, &[3; 20]), true),
        (segment(0xDA, b"\x01\x01\0\0\0\0"), true),
        (b"scan \xFF\x00 with \xFF\xD0 marks".to_vec(), true),
        (segment(0xFE, b"taken by somebody, between the scans"), false),
        (segment(0xC4, &[4; 20]), true),
        (segment(0xDA, b"\x01\x01\0\x01\x3F\0"), true),
        (b"second scan".to_vec(), true),
        (b"\xFF\xD9".to_vec(), true),
        (second, false),
        (b"taken by, after the end".to_vec(), false),
    ];
    let all = parts.iter().flat_map(|(part, _)| part.clone()).collect();
    (all, parts.into_iter().filter(|(_, draws)| *draws).flat_map(|(part, _)| part).collect())
}

fn chunk(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(&[kind, contents].concat());
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    [&length, &kind[..], contents, &crc.sum().to_be_bytes()].concat()
}

pub fn png() -> (Vec<u8>, Vec<u8>) {
    let parts = [
        (b"\x89PNG\r\n\x1A\n".to_vec(), true),
        (chunk(b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0"), true),
        (chunk(b"iCCP", b"ICC profile\0\0acsp"), false),
        (chunk(b"gAMA", b"\0\0\xB1\x8F"), true),
        (chunk(b"eXIf", &exif(1)), false),
        (chunk(b"tEXt", b"Author\0taken by"), false),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0http://ns.adobe.com/xap"), false),
        (chunk(b"tIME", b"\x07\xE2\x07\x0A\x09\0\0"), false),
        (chunk(b"IDAT", b"pixels"), true),
        (chunk(b"prVt", b"taken by"), false),
        (chunk(b"IEND", b""), true),
        (b"taken by".to_vec(), false),
    ];
    let all = parts.iter().flat_map(|(part, _)| part.clone()).collect();
    (all, parts.iter().filter(|(_, draws)| *draws).flat_map(|(part, _)| part.clone()).collect())
}

fn riff(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    let padding = &b"\0"[..contents.len() % 2];
    [kind, &u32::try_from(contents.len()).unwrap().to_le_bytes()[..], contents, padding].concat()
}

fn webp() -> (Vec<u8>, Vec<u8>) {
    let file = |flags: u8, others: [Vec<u8>; 3], frame: Vec<u8>| {
        let [icc, exif, xmp] = others;
        let vp8x = riff(b"VP8X", &[flags, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let anim = riff(b"ANIM", &[0; 6]);
        riff(b"RIFF", &[&b"WEBP"[..], &vp8x, &icc, &anim, &frame, &exif, &xmp].concat())
    };
    let place = [0_u8; 16];
    let pixels = riff(b"VP8L", b"\x2Fpixels");
    let noted = riff(b"ANMF", &[&place[..], &riff(b"note", b"taken by"), &pixels].concat());
    let plain = riff(b"ANMF", &[&place[..], &pixels].concat());
    let others =
        [riff(b"ICCP", b"ICC acsp"), riff(b"EXIF", &exif(1)), riff(b"XMP ", b"http://ns.adobe.com/xap")];
    (file(0b0011_1110, others, noted), file(0b0001_0010, Default::default(), plain))
}

#[test]
fn what_draws_is_copied_and_nothing_else() {
    for (name, (source, drawn)) in [("a.jpg", jpeg(1)), ("a.png", png()), ("a.webp", webp())] {
        let found = SECRETS.iter().filter(|secret| holds(&source, secret)).count();
        assert!(found >= 4, "{name} holds what must go: {found}");
        let cleaned = clean(name, source).unwrap();
        assert!(cleaned.bytes == drawn, "{name}: {}", String::from_utf8_lossy(&cleaned.bytes));
        assert!(SECRETS.iter().all(|secret| !holds(&cleaned.bytes, secret)), "{name}");
        // What is clean is clean.
        assert_eq!(clean(name, drawn.clone()), Ok(Cleaned { bytes: drawn, is_turned: false }));
    }
}

#[test]
fn a_picture_that_was_held_sideways_is_known() {
    assert!(clean("a.jpg", jpeg(6).0).unwrap().is_turned);
    assert!(!clean("a.jpg", jpeg(1).0).unwrap().is_turned);
}

#[test]
fn what_cannot_be_read_to_its_end_is_refused() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec();
    assert_eq!(clean("a.svg", svg.clone()), Err(Unfit::Format));
    assert_eq!(clean("a.png", svg), Err(Unfit::Format));
    assert_eq!(clean("a.png", jpeg(1).0), Err(Unfit::Format));
    assert_eq!(clean("a.gif", b"GIF89a".to_vec()), Err(Unfit::Format));
    for (name, (_, drawn)) in [("a.jpg", jpeg(1)), ("a.png", png()), ("a.webp", webp())] {
        for length in 0..drawn.len() {
            assert!(clean(name, drawn[..length].to_vec()).is_err(), "{name} cut at {length}");
        }
    }
    assert_eq!(media_type("A.JPEG"), Some("image/jpeg"));
}

#[test]
fn the_address_of_a_picture_leads_into_the_media_folder_alone() {
    for (address, path) in [
        ("media/a.jpg", Some("media/a.jpg")),
        ("media/2018/the%20crowd%C3%A9.jpg", Some("media/2018/the crowdé.jpg")),
        ("media/%2e%2e/handbill.key", None),
        ("media/%2e%2e%2fhandbill.key", None),
        ("media/..%5chandbill.key", None),
        ("media/.hidden.jpg", None),
        ("media//a.jpg", None),
        ("media/", None),
        ("notices/a.jpg", None),
    ] {
        assert_eq!(path_of(address).as_deref(), path, "{address}");
    }
}

/// An installation with the notices and pictures of these names, and what was said by `handbill` with `arguments`.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        assert_eq!(place.run(&["init", "--empty"]).0, 0);
        place
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let file = self.0.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
        self
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_handbill"))
            .arg("-C")
            .arg(self.0.path())
            .args(arguments)
            .output();
        let output = output.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    fn site(&self) -> std::path::PathBuf {
        self.0.path().join("data/site")
    }

    // Publishes and answers what stands below `media/`.
    fn published(&self) -> BTreeMap<String, Vec<u8>> {
        let (code, said) = self.run(&["publish"]);
        assert_eq!(code, 0, "{said}");
        let manifest = read_manifest(&self.site()).unwrap();
        let paths = manifest.documents.keys().filter(|path| path.starts_with("media/"));
        paths.map(|path| (path.clone(), fs::read(self.site().join(path)).unwrap())).collect()
    }

    fn manifest(&self) -> Manifest {
        read_manifest(&self.site()).unwrap()
    }
}

fn notice(front: &str, body: &str) -> String {
    format!("+++\nkind = \"statement\"\ntitle = \"Rent\"\n{front}+++\n{body}\n")
}

const FLYER: &str = "image = { file = \"the crowd.jpg\", alt = \"A crowd\" }\n";

#[test]
fn a_picture_goes_out_with_its_notice_clean_and_leaves_with_it() {
    let place = Place::new();
    let (source, drawn) = jpeg(1);
    place
        .write("media/the crowd.jpg", &source)
        .write("media/chart.png", png().0)
        .write("media/secret.jpg", &source)
        .write("media/unused.jpg", &source)
        .write("notices/rent.md", notice(FLYER, "See ![the chart](media/chart.png)."))
        .write(
            "notices/later.md",
            notice("publish_at = 2099-01-01 12:00\n", "![a secret](media/secret.jpg)"),
        );
    let expected = |names: &[(&str, &[u8])]| -> BTreeMap<String, Vec<u8>> {
        names.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
    };
    assert_eq!(
        place.published(),
        expected(&[("media/the crowd.jpg", &drawn), ("media/chart.png", &png().1)]),
        "those of what is published, and no other"
    );
    assert!(
        !place.site().join("media/secret.jpg").exists() && !place.site().join("media/unused.jpg").exists()
    );
    let entry = place.manifest().documents["media/the crowd.jpg"].clone();
    assert_eq!(entry.content_type, "image/jpeg");
    assert_eq!((entry.gzip, entry.brotli), (None, None), "it is compressed already");

    // The page, the feeds and the calendar lead to it by its address.
    let read = |path: &str| fs::read_to_string(place.site().join(path)).unwrap();
    assert!(read("notices/rent/index.html").contains("media/the%20crowd.jpg"));
    let length = drawn.len();
    assert!(
        read("feeds/all.rss").contains(&format!("the%20crowd.jpg\" length=\"{length}\" type=\"image/jpeg\""))
    );
    let atom = read("feeds/all.atom");
    assert!(atom.contains("rel=\"enclosure\"") && atom.contains(&format!("length=\"{length}\"")), "{atom}");

    // Left alone while nothing changes, written when the file is another, removed when no notice shows it.
    let modified = || fs::metadata(place.site().join("media/the crowd.jpg")).unwrap().modified().unwrap();
    let before = modified();
    place.published();
    assert_eq!(modified(), before);
    let other = [&drawn[..drawn.len() - 13], b"another scan!\xFF\xD9"].concat();
    place.write("media/the crowd.jpg", &other);
    assert_eq!(place.published()["media/the crowd.jpg"], other);
    place.write("notices/rent.md", notice("", "Without pictures."));
    assert_eq!(place.published(), BTreeMap::new());
    assert!(!place.site().join("media").exists());
}

#[test]
fn a_picture_that_is_spoilt_later_stands_as_it_was() {
    let place = Place::new();
    place.write("media/the crowd.jpg", jpeg(1).0).write("notices/rent.md", notice(FLYER, "Text."));
    let before = place.published();
    assert_eq!(before.len(), 1);
    place.write("media/the crowd.jpg", b"\xFF\xD8 spoilt");
    let (code, said) = place.run(&["publish"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(fs::read(place.site().join("media/the crowd.jpg")).unwrap(), before["media/the crowd.jpg"]);
}

#[test]
fn check_says_where_a_picture_is_named_that_cannot_be_shown() {
    let cases: [(&str, &str, &[u8], &str); 6] = [
        (FLYER, "Text.", b"", "notices/rent.md:4:18: error: there is no file media/the crowd.jpg"),
        (
            "",
            "![a](media/a.svg)",
            b"<svg/>",
            "notices/rent.md:5:6: error: media/a.svg cannot be shown: it is no JPEG",
        ),
        (
            "",
            "![a](media/a.png)",
            b"\x89PNG\r\n\x1A\n",
            "notices/rent.md:5:6: error: media/a.png cannot be shown: the file is damaged",
        ),
        (
            "",
            "![a](media/b.jpg)",
            b"",
            "notices/rent.md:5:6: error: there is no file media/b.jpg, did you mean media/a.jpg?",
        ),
        (
            "",
            "![a](pictures/a.jpg)",
            b"",
            "notices/rent.md:5:6: error: the image does not lie in the media folder",
        ),
        (
            "image = { file = \"a.jpg\" }\n",
            "Text.",
            b"",
            "notices/rent.md:4:9: error: the image has no `alt`",
        ),
    ];
    for (front, body, bytes, expected) in cases {
        let place = Place::new();
        place.write("notices/rent.md", notice(front, body)).write("media/a.jpg", jpeg(1).0);
        for name in ["media/a.svg", "media/a.png"].iter().filter(|_| !bytes.is_empty()) {
            place.write(name, bytes);
        }
        let (code, said) = place.run(&["check", "--brief"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let place = Place::new();
    place.write("notices/rent.md", notice(FLYER, "Text.")).write("media/the crowd.jpg", jpeg(6).0);
    let (code, said) = place.run(&["check", "--brief"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("media/the crowd.jpg will lie on its side"), "{said}");
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[test]
fn a_built_site_has_the_pictures_too() {
    let place = Place::new();
    place.write("media/the crowd.jpg", jpeg(1).0).write("notices/rent.md", notice(FLYER, "Text."));
    let folder = place.0.path().join("public");
    let (code, said) = place.run(&["build", folder.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fs::read(Path::new(&folder).join("media/the crowd.jpg")).unwrap(), jpeg(1).1);
}
