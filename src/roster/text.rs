//! Text: a file as UTF-8, whatever a spreadsheet saved it as.
//!
//! Pure: it reads what the caller opened. UTF-16 is decoded when a byte order mark says that it is that; all else is
//! taken as it is.

use std::io::{self, Read, Seek, SeekFrom};

/// A file as UTF-8; places in it are those of the decoded text.
#[derive(Debug)]
pub struct Text<R> {
    source: R,
    order: Option<Order>,
    // Decoded and not yet read.
    decoded: Vec<u8>,
    read: usize,
    // The first half of a character, whose other half comes next.
    half: Option<u16>,
}

// Of the two bytes of a unit.
type Order = fn([u8; 2]) -> u16;

const MARK: usize = 2;
const PIECE: u64 = 8 * 1024;

impl<R: Read + Seek> Text<R> {
    /// The file from its beginning on.
    pub fn new(mut source: R) -> io::Result<Self> {
        let mut mark = Vec::new();
        source.by_ref().take(MARK as u64).read_to_end(&mut mark)?;
        let order: Option<Order> = match mark[..] {
            [0xFF, 0xFE] => Some(u16::from_le_bytes),
            [0xFE, 0xFF] => Some(u16::from_be_bytes),
            _ => None,
        };
        let mut text = Self { source, order, decoded: Vec::new(), read: 0, half: None };
        text.seek(SeekFrom::Start(0))?;
        Ok(text)
    }

    fn decode(&mut self, order: Order) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.source.by_ref().take(PIECE).read_to_end(&mut bytes)?;
        let is_end = bytes.is_empty();
        let pairs = bytes.chunks_exact(2).map(|pair| order([pair[0], pair[1]]));
        let mut units: Vec<u16> = self.half.take().into_iter().chain(pairs).collect();
        if !is_end {
            self.half = units.pop_if(|unit| (0xD800..0xDC00).contains(unit));
        }
        let characters = char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.decoded = characters.collect::<String>().into_bytes();
        self.read = 0;
        Ok(())
    }
}

impl<R: Read + Seek> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(order) = self.order else { return self.source.read(buffer) };
        if self.read == self.decoded.len() {
            self.decode(order)?;
        }
        let count = (&self.decoded[self.read..]).read(buffer)?;
        self.read += count;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Text<R> {
    // What was decoded has no places of its own in the file: it is read again up to there.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (Some(_), SeekFrom::Start(place)) = (self.order, to) else { return self.source.seek(to) };
        self.source.seek(SeekFrom::Start(MARK as u64))?;
        (self.decoded, self.read, self.half) = (Vec::new(), 0, None);
        io::copy(&mut self.by_ref().take(place), &mut io::sink())
    }
}
