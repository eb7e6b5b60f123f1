//! A file's bytes, unpacked, as a window that moves over them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// How far reading has come; shared with whoever draws it.
///
/// Counts the file's own bytes, which for a gzip file are the packed ones.
#[derive(Debug)]
pub struct Progress {
    read: AtomicU64,
    total: u64,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        Self { read: AtomicU64::new(0), total }
    }

    /// Bytes read so far. May pass [`Progress::total`] if the file grows meanwhile.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes the file had when it was opened; 0 for a pipe.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// What was asked for, or why there is no more of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// There it is.
    Some(T),
    /// What there is of it in a gzip stream that was cut off.
    Part(T),
    /// It was longer than allowed and has been passed over.
    TooLong,
    /// The stream is over.
    End,
}

/// How a gzip stream ended other than well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cut {
    /// The file is shorter than the stream.
    Short,
    /// Bytes were changed, or something else follows.
    Damaged(String),
}

/// A movable view of a stream: the part that is needed together is in memory.
#[derive(Debug)]
pub(super) struct Window {
    input: Input,
    buffer: Vec<u8>,
    /// Unread bytes are `buffer[start..end]`.
    start: usize,
    end: usize,
    over: bool,
    cut: Option<Cut>,
}

/// Large enough to make calls rare, small enough to stay in the processor's cache.
const BUFFER_BYTES: usize = 256 * 1024;

impl Window {
    /// A window at the start of the file; `gzip` if it is to be unpacked.
    pub(super) fn new(file: File, gzip: bool, progress: Arc<Progress>) -> Self {
        let counted = Counted { file, progress };
        let input = if gzip {
            let packed = BufReader::with_capacity(BUFFER_BYTES / 4, counted);
            Input::Gzip(Box::new(MultiGzDecoder::new(packed)))
        } else {
            Input::Plain(counted)
        };
        let buffer = vec![0; BUFFER_BYTES];
        Self { input, buffer, start: 0, end: 0, over: false, cut: None }
    }

    /// The bytes at hand, which may be none.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Steps over bytes at hand.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Why a gzip stream ended before its end.
    pub(super) fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Reads until `wanted` bytes are at hand or the stream is over.
    pub(super) fn fill_to(&mut self, wanted: usize) -> io::Result<()> {
        while self.end - self.start < wanted && self.fill()? {}
        Ok(())
    }

    /// Reads more behind the bytes at hand; false once the stream is over.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.over {
            return Ok(false);
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            if self.start != 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            // Half full of one value: doubling keeps the copying linear in its length.
            if self.buffer.len() / 2 < self.end {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        match self.read() {
            Ok(0) => self.over = true,
            Ok(count) => self.end += count,
            Err(error) => match (&self.input, error.kind()) {
                (Input::Gzip(_), io::ErrorKind::UnexpectedEof) => self.cut_off(Cut::Short),
                (Input::Gzip(_), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                    self.cut_off(Cut::Damaged(error.to_string()));
                }
                _ => return Err(error),
            },
        }
        Ok(!self.over)
    }

    fn cut_off(&mut self, cut: Cut) {
        self.cut = Some(cut);
        self.over = true;
    }

    fn read(&mut self) -> io::Result<usize> {
        loop {
            let room = &mut self.buffer[self.end..];
            let result = match &mut self.input {
                Input::Plain(file) => file.read(room),
                Input::Gzip(decoder) => decoder.read(room),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// The next line without its end (`\n` or `\r\n`), the last one even if it has none.
    pub(super) fn line(&mut self, max: usize) -> io::Result<Next<&[u8]>> {
        let mut seen = 0;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.bytes()[seen..]) {
                let length = seen + found;
                let line = self.start..self.start + length;
                self.consume(length + 1);
                if max < length {
                    return Ok(Next::TooLong);
                }
                let line = &self.buffer[line];
                return Ok(Next::Some(line.strip_suffix(b"\r").unwrap_or(line)));
            }
            seen = self.bytes().len();
            if max < seen {
                self.skip_line()?;
                return Ok(Next::TooLong);
            }
            if !self.fill()? {
                return Ok(self.rest());
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(found) = memchr::memchr(b'\n', self.bytes()) {
                self.consume(found + 1);
                return Ok(());
            }
            self.consume(usize::MAX - self.start);
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    fn rest(&mut self) -> Next<&[u8]> {
        let rest = self.start..self.end;
        self.start = self.end;
        match (rest.is_empty(), &self.cut) {
            (true, _) => Next::End,
            (false, None) => Next::Some(&self.buffer[rest]),
            (false, Some(_)) => Next::Part(&self.buffer[rest]),
        }
    }

    /// Everything that is left.
    pub(super) fn all(&mut self, max: usize) -> io::Result<Next<&[u8]>> {
        while self.bytes().len() <= max {
            if !self.fill()? {
                return Ok(self.rest());
            }
        }
        Ok(Next::TooLong)
    }

    /// The next byte that is not JSON's white space, left in place.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            if let Some(at) = self.bytes().iter().position(|byte| !blank(byte)) {
                self.consume(at);
                return Ok(self.bytes().first().copied());
            }
            self.start = self.end;
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next JSON value, found by its brackets alone.
    pub(super) fn value(&mut self, max: usize) -> io::Result<Next<&[u8]>> {
        self.peek()?;
        let mut extent = Extent::default();
        let mut seen = 0;
        loop {
            if let Some(found) = extent.end(&self.bytes()[seen..]) {
                let length = seen + found;
                let value = self.start..self.start + length;
                self.consume(length);
                let too_long = max < length;
                return Ok(if too_long { Next::TooLong } else { Next::Some(&self.buffer[value]) });
            }
            seen = self.bytes().len();
            if max < seen {
                self.start = self.end;
                return Ok(if self.skip_to(extent)? { Next::TooLong } else { Next::End });
            }
            if !self.fill()? {
                return Ok(Next::End);
            }
        }
    }

    /// Steps over the next JSON value, however long; false where the stream ends within it.
    pub(super) fn skip_value(&mut self) -> io::Result<bool> {
        self.peek()?;
        self.skip_to(Extent::default())
    }

    fn skip_to(&mut self, mut extent: Extent) -> io::Result<bool> {
        loop {
            if let Some(found) = extent.end(self.bytes()) {
                self.consume(found);
                return Ok(true);
            }
            self.start = self.end;
            if !self.fill()? {
                return Ok(false);
            }
        }
    }
}

/// How deep within a JSON value a scan stands; goes on from buffer to buffer.
#[derive(Debug, Default)]
struct Extent {
    depth: usize,
    in_string: bool,
    escaped: bool,
    begun: bool,
}

impl Extent {
    /// The index behind the value's last byte, if that is in `bytes`.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_string {
                at = self.string(bytes, at)?;
                if self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match bytes[at] {
                b'"' if self.depth == 0 && self.begun => return Some(at),
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth <= 1 => {
                    // A bracket too many ends a bare word or number, and stays.
                    return Some(at + self.depth);
                }
                b'}' | b']' => self.depth -= 1,
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 => return Some(at),
                _ => {}
            }
            self.begun = true;
            at += 1;
        }
        None
    }

    /// The index behind the closing quote.
    fn string(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        if self.escaped {
            self.escaped = false;
            at += 1;
        }
        loop {
            let stop = super::escapes::find_stop(bytes, at)?;
            if bytes[stop] == b'"' {
                self.in_string = false;
                return Some(stop + 1);
            }
            if stop + 1 == bytes.len() {
                self.escaped = true;
                return None;
            }
            at = stop + 2;
        }
    }
}

#[derive(Debug)]
enum Input {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
}

/// A file that counts what is read of it.
#[derive(Debug)]
struct Counted {
    file: File,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(room)?;
        self.progress.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
