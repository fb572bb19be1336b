//! Picture: an image's file without what it tells of those who made it.
//!
//! Pure. Only what draws is kept, by name: what a format may hold beside that (EXIF with the place where it was
//! taken, XMP, comments, times, colour profiles that name a device, thumbnails, whatever follows the end) is left
//! out, known or not. The pixels are copied as they are.

use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::Png;
use img_parts::riff::RiffContent;
use img_parts::webp::{
    CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF, CHUNK_EXIF, CHUNK_VP8, CHUNK_VP8L, CHUNK_VP8X, WebP,
};
use thiserror::Error;

/// A picture as the site shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Whether it lies on its side now: a camera notes how it was held in what is left out.
    pub is_turned: bool,
}

/// Why a picture cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// Its bytes are of another format, or its name says another.
    #[error("it is no JPEG, PNG or WebP file, or its name does not end so")]
    Format,
    /// It ends too early, or a part of it contradicts itself.
    #[error("the file is damaged")]
    Damaged,
}

/// The media type of a picture by its name; none when it is of no format that can be cleaned.
pub fn media_type(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    match end.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

/// Where a picture lies under the site, `media/crowd.jpg`, by what its address has there, `media/crowd.jpg` or
/// `media/the%20crowd.jpg`; none when it leads out of the folder or into a hidden file.
pub fn path_of(address: &str) -> Option<String> {
    let path = unescaped(address)?;
    let below = path.strip_prefix("media/")?;
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.contains(['\\', ':'])
            && !part.contains(char::is_control)
    };
    below.split('/').all(is_plain).then_some(path)
}

/// The picture of that name without what does not draw.
///
/// # Errors
/// When it is not of the format that its name says, or cannot be read to its end.
pub fn clean(name: &str, bytes: Vec<u8>) -> Result<Cleaned, Unfit> {
    let cleaned = match media_type(name) {
        Some("image/jpeg") if bytes.starts_with(&[markers::P, markers::SOI]) => jpeg(bytes),
        Some("image/png") if bytes.starts_with(b"\x89PNG") => png(bytes),
        Some("image/webp") if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => webp(bytes),
        Some(_) | None => return Err(Unfit::Format),
    };
    cleaned.ok_or(Unfit::Damaged)
}

/// The text of an address with its `%20` as what they stand for; none when that is no text.
pub fn unescaped(address: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(address.len());
    let mut rest = address.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escaped = (*first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}

fn jpeg(bytes: Vec<u8>) -> Option<Cleaned> {
    let jpeg = Jpeg::from_bytes(bytes.into()).ok()?;
    let exif = jpeg.segments_by_marker(markers::APP1).find_map(|it| it.contents().strip_prefix(b"Exif\0\0"));
    let is_turned = exif.is_some_and(is_turned);
    let mut clean = vec![markers::P, markers::SOI];
    let mut has_pixels = false;
    for segment in jpeg.segments().iter().filter(|segment| draws(segment)) {
        push_segment(&mut clean, segment.marker(), segment.contents())?;
        if segment.has_entropy() {
            push_scans(&mut clean, rest_after(segment)?)?;
            has_pixels = true;
        }
    }
    has_pixels.then_some(Cleaned { bytes: clean, is_turned })
}

// Frames, tables and scans (ITU-T T.81, table B.1), and of the applications' segments the two by which colours
// are decoded: JFIF, cut before its thumbnail, and Adobe's.
fn draws(segment: &JpegSegment) -> bool {
    match segment.marker() {
        markers::APP0 => segment.contents().starts_with(b"JFIF\0"),
        markers::APP14 => segment.contents().starts_with(b"Adobe"),
        marker => is_of_image(marker),
    }
}

fn is_of_image(marker: u8) -> bool {
    matches!(marker, markers::SOF0..=markers::SOF15 | markers::SOS..=markers::EXP) && marker != markers::JPG
}

/// The bytes of JFIF's segment before its thumbnail: name, version, density, and the thumbnail's size.
const JFIF_BYTES: usize = 14;

fn push_segment(out: &mut Vec<u8>, marker: u8, contents: &[u8]) -> Option<()> {
    let mut contents = contents.to_vec();
    if marker == markers::APP0 {
        contents.truncate(JFIF_BYTES);
        contents.get_mut(JFIF_BYTES - 2..)?.fill(0);
    }
    let length = u16::try_from(contents.len() + 2).ok()?;
    out.extend([markers::P, marker]);
    out.extend(length.to_be_bytes());
    out.extend(contents);
    Some(())
}

// What img-parts takes for the first scan is the rest of the file. The segment's encoded form ends with it.
fn rest_after(segment: &JpegSegment) -> Option<Vec<u8>> {
    segment.clone().encoder().bytes().get(segment.len()..).map(<[u8]>::to_vec)
}

// The scans of a picture, each followed by segments that may be tables, and may be comments; to its end and no
// further, where cameras put a second picture with EXIF of its own.
fn push_scans(out: &mut Vec<u8>, bytes: Vec<u8>) -> Option<()> {
    let mut at = 0;
    loop {
        let byte = *bytes.get(at)?;
        if byte != markers::P {
            out.push(byte);
            at += 1;
            continue;
        }
        let marker = *bytes.get(at + 1)?;
        match marker {
            // A byte of the scan that looks like a marker, and the marks within a scan.
            markers::Z | markers::RST0..=markers::RST7 => {
                out.extend([byte, marker]);
                at += 2;
            }
            markers::P => at += 1,
            markers::EOI => {
                out.extend([byte, marker]);
                return Some(());
            }
            _ => {
                let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
                let contents = bytes.get(at + 4..at + 2 + length)?;
                if is_of_image(marker) {
                    push_segment(out, marker, contents)?;
                }
                at += 2 + length;
            }
        }
    }
}

/// The chunks that draw (PNG, third edition, sections 11.2 and 11.3): image, palette, transparency, how colours
/// and pixels are meant, and frames.
const PNG_CHUNKS: [&[u8; 4]; 14] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs",
    b"acTL", b"fcTL", b"fdAT",
];

fn png(bytes: Vec<u8>) -> Option<Cleaned> {
    let mut png = Png::from_bytes(bytes.into()).ok()?;
    let is_turned = png.chunk_by_type(*b"eXIf").is_some_and(|chunk| is_turned(chunk.contents()));
    png.chunks_mut().retain(|chunk| PNG_CHUNKS.contains(&&chunk.kind()));
    let has = |kind: &[u8; 4]| png.chunk_by_type(*kind).is_some();
    let is_whole = has(b"IHDR") && has(b"IDAT") && has(b"IEND");
    is_whole.then(|| Cleaned { bytes: png.encoder().bytes().to_vec(), is_turned })
}

/// The chunks that draw (WebP container specification).
const WEBP_CHUNKS: [[u8; 4]; 6] = [CHUNK_VP8X, CHUNK_VP8, CHUNK_VP8L, CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF];

/// The flags of VP8X that say there is a colour profile, EXIF and XMP.
const WEBP_OTHER_FLAGS: u8 = 0b0010_1100;

fn webp(bytes: Vec<u8>) -> Option<Cleaned> {
    let mut webp = WebP::from_bytes(bytes.into()).ok()?;
    let exif = webp.chunk_by_id(CHUNK_EXIF).and_then(|chunk| chunk.content().data());
    let is_turned = exif.is_some_and(|exif| is_turned(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif)));
    webp.chunks_mut().retain(|chunk| WEBP_CHUNKS.contains(&chunk.id()));
    for chunk in webp.chunks_mut() {
        let id = chunk.id();
        let RiffContent::Data(data) = chunk.content_mut() else { return None };
        if id == CHUNK_VP8X {
            let mut flags = data.to_vec();
            *flags.first_mut()? &= !WEBP_OTHER_FLAGS;
            *data = flags.into();
        } else if id == CHUNK_ANMF {
            *data = frame(data)?.into();
        }
    }
    let is_whole = [CHUNK_VP8, CHUNK_VP8L, CHUNK_ANMF].into_iter().any(|id| webp.has_chunk(id));
    is_whole.then(|| Cleaned { bytes: webp.encoder().bytes().to_vec(), is_turned })
}

/// The bytes of a frame before its chunks: place, size and time.
const FRAME_BYTES: usize = 16;

// A frame may hold unknown chunks too.
fn frame(data: &[u8]) -> Option<Vec<u8>> {
    let (mut clean, mut rest) = (data.get(..FRAME_BYTES)?.to_vec(), data.get(FRAME_BYTES..)?);
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?);
        let whole = 8 + usize::try_from(length).ok()?.next_multiple_of(2);
        let chunk = rest.get(..whole)?;
        if [CHUNK_ALPH, CHUNK_VP8, CHUNK_VP8L].iter().any(|id| chunk.starts_with(id)) {
            clean.extend(chunk);
        }
        rest = &rest[whole..];
    }
    Some(clean)
}

// Whether TIFF's first directory (TIFF 6.0, section 2) has an orientation, tag 0x0112, other than upright.
fn is_turned(tiff: &[u8]) -> bool {
    orientation(tiff).is_some_and(|orientation| (2..=8).contains(&orientation))
}

fn orientation(tiff: &[u8]) -> Option<u16> {
    let is_little = tiff.starts_with(b"II");
    let u16_at = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at + 2)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let offset: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let offset = if is_little { u32::from_le_bytes(offset) } else { u32::from_be_bytes(offset) };
    let directory = usize::try_from(offset).ok()?;
    let entries = usize::from(u16_at(directory)?);
    let entry =
        (0..entries).map(|index| directory + 2 + 12 * index).find(|at| u16_at(*at) == Some(0x0112))?;
    u16_at(entry + 8)
}
