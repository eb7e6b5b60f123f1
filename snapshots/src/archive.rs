//! The container: ustar in gzip, with one form for the same files.
//!
//! The gzip header carries, as its comment, the digest of all that follows, so that damage is seen
//! before anything is unpacked; the tar is compared with the one this module would write of the
//! same files, so that nothing can hide in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write as _};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use models::Digest;
use tar::{Archive, Builder, EntryType, Header};

use crate::documents::is_portable;

/// Files by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Fixed start of the gzip header: deflate, a comment, no time, best compression, unknown system.
///
/// # Source
///
/// RFC 1952, 2.3.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 2, 255];
/// What the comment begins with; 64 hexadecimal digits and a zero byte follow.
const COMMENT: &[u8] = b"wondertwin.snapshot/1 sha256:";
/// Of a digest in hexadecimal.
const HEX_BYTES: usize = 64;
/// CRC-32 and length at the end of a gzip member.
const TRAILER_BYTES: usize = 8;

/// When every file was last changed: 1980-01-01, the first day that zip knows too.
const MTIME: u64 = 315_532_800;
/// Everybody may read, its owner write.
const MODE: u32 = 0o644;

/// Of a packed archive: ten times the largest model known (Stripe's), and more.
pub(crate) const ARCHIVE_BYTES_MAX: usize = 64 << 20;
/// Of all that it unpacks to.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// How much larger it may get by unpacking; models get 15 to 40 times larger, deflate ends at 1032.
const RATIO_MAX: u64 = 200;
/// What the ratio is not asked of.
const RATIO_FREE_BYTES: u64 = 1 << 20;
/// Files in an archive.
const ENTRIES_MAX: usize = 4096;

/// What is wrong with a container.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Larger than any package.
    #[error("it has {bytes} bytes, a package at most {ARCHIVE_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Something else.
    #[error("it is no package of a twin, which `wt freeze` makes")]
    NotOne,
    /// Changed, cut short or added to since it was made.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Made to fill memory or disk.
    #[error("it unpacks to more than a package may: {0}")]
    Bomb(&'static str),
    /// An entry that no package has.
    #[error("its entry `{path}` {why}")]
    Entry {
        /// Its path, as far as it is text.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The same files, but not laid out as they are.
    #[error("its tar is not laid out as packages are: it was not made by `wt freeze`")]
    NotCanonical,
}

/// The archive of files: the same bytes for the same files.
pub(crate) fn pack(files: &Files) -> Vec<u8> {
    gzip(&tar(files))
}

/// The files of an archive that is exactly what [`pack`] makes, but for its compression.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Files, Fault> {
    let tarred = gunzip(bytes)?;
    let files = untar(&tarred)?;
    // Owners, times, padding, order and the end are as they should be exactly if this holds.
    if tar(&files) != tarred {
        return Err(Fault::NotCanonical);
    }
    Ok(files)
}

fn tar(files: &Files) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(MODE);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(MTIME);
        let written = builder.append_data(&mut header, path, bytes.as_slice());
        written.expect("paths fit a ustar header and memory takes what is written");
    }
    builder.into_inner().expect("memory takes what is written")
}

fn untar(tarred: &[u8]) -> Result<Files, Fault> {
    let mut archive = Archive::new(tarred);
    let entries = archive.entries().map_err(|_| Fault::NotCanonical)?;
    let (mut files, mut folded) = (Files::new(), BTreeSet::new());
    // Raw: an extension that renames what follows is then an entry of its own, and of a wrong kind.
    for entry in entries.raw(true) {
        let mut entry = entry.map_err(|_| Fault::Damaged("its tar cannot be read"))?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refuse = |why| Fault::Entry { path: path.clone(), why };
        if let Some(why) = misplaced(&path, entry.header().entry_type()) {
            return Err(refuse(why));
        }
        if files.contains_key(&path) {
            return Err(refuse("stands in it twice"));
        }
        if !folded.insert(path.to_ascii_lowercase()) {
            return Err(refuse("differs from another in case alone"));
        }
        if folded.len() > ENTRIES_MAX {
            return Err(Fault::Bomb("it has more than 4096 files"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|_| refuse("ends before its size"))?;
        if bytes.len() as u64 != entry.size() {
            return Err(refuse("ends before its size"));
        }
        files.insert(path, bytes);
    }
    Ok(files)
}

/// Why an entry is none of a package's, if it is not.
fn misplaced(path: &str, kind: EntryType) -> Option<&'static str> {
    if kind.is_symlink() || kind.is_hard_link() {
        return Some("is a link, which a package never has");
    }
    if kind != EntryType::Regular {
        return Some("is no plain file, and a package has nothing else");
    }
    if path.starts_with('/') || path.contains(['\\', ':']) {
        return Some("has a path that begins elsewhere");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some("has a path that leads elsewhere");
    }
    (!is_portable(path)).then_some("has a name that not every system can hold")
}

fn gzip(tarred: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(tarred).expect("memory takes what is written");
    let mut body = encoder.finish().expect("memory takes what is written");
    body.extend(trailer(tarred));
    let digest = Digest::of_bytes(&body);
    [&GZIP_HEAD, COMMENT, digest.as_str().as_bytes(), &[0], &body].concat()
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    if bytes.len() > ARCHIVE_BYTES_MAX {
        return Err(Fault::TooLarge { bytes: bytes.len() });
    }
    let fixed = [&GZIP_HEAD, COMMENT].concat();
    let comment = bytes.strip_prefix(fixed.as_slice()).ok_or(Fault::NotOne)?;
    let cut = || Fault::Damaged("it was cut short");
    let (digest, rest) = comment.split_at_checked(HEX_BYTES).ok_or_else(cut)?;
    let body = rest.strip_prefix(&[0]).ok_or_else(cut)?;
    if Digest::of_bytes(body).as_str().as_bytes() != digest {
        return Err(Fault::Damaged("its content is not what its header promises"));
    }
    let deflated = body.len().checked_sub(TRAILER_BYTES).ok_or_else(cut)?;
    let (deflated, end) = body.split_at(deflated);
    let tarred = inflate(deflated)?;
    if trailer(&tarred) != end {
        return Err(Fault::Damaged("its checksum does not match"));
    }
    Ok(tarred)
}

fn inflate(deflated: &[u8]) -> Result<Vec<u8>, Fault> {
    let of_ratio = (deflated.len() as u64).saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES);
    let limit = of_ratio.min(UNPACKED_BYTES_MAX);
    let mut decoder = DeflateDecoder::new(deflated);
    let mut unpacked = Vec::new();
    (&mut decoder)
        .take(limit + 1)
        .read_to_end(&mut unpacked)
        .map_err(|_| Fault::Damaged("it cannot be unpacked"))?;
    if unpacked.len() as u64 > limit {
        let is_ratio = limit < UNPACKED_BYTES_MAX;
        return Err(Fault::Bomb(if is_ratio { "over 200 times its size" } else { "over 256 MiB" }));
    }
    if decoder.total_in() != deflated.len() as u64 {
        return Err(Fault::Damaged("something follows its end"));
    }
    Ok(unpacked)
}

/// CRC-32 and length, as gzip ends.
fn trailer(tarred: &[u8]) -> [u8; TRAILER_BYTES] {
    let mut crc = Crc::new();
    crc.update(tarred);
    let mut trailer = [0; TRAILER_BYTES];
    trailer[..4].copy_from_slice(&crc.sum().to_le_bytes());
    trailer[4..].copy_from_slice(&crc.amount().to_le_bytes());
    trailer
}

/// Reads an archive's file, and no more of it than a package has.
pub(crate) fn read_file(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(ARCHIVE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From the archive's start to what the comment's digest is of.
    const BODY_AT: usize = GZIP_HEAD.len() + COMMENT.len() + HEX_BYTES + 1;

    /// An archive whose digests all fit, of a tar that may be anything.
    pub(crate) fn forged(tarred: &[u8]) -> Vec<u8> {
        gzip(tarred)
    }

    fn files() -> Files {
        [("a.json", "one"), ("lua/lib/b.lua", "two")]
            .map(|(path, text)| (path.to_owned(), text.into()))
            .into()
    }

    fn entry(path: &[u8], kind: EntryType, link: Option<&str>) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(MODE);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(MTIME);
        if let Some(link) = link {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    fn refusal(tarred: &[u8]) -> String {
        unpack(&forged(tarred)).unwrap_err().to_string()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        assert_eq!(unpack(&pack(&files())).unwrap(), files());
    }

    #[test]
    fn the_form_is_fixed_to_the_byte() {
        // Where this changes, packages of the same content get other bytes: say so in the changelog.
        assert_eq!(
            Digest::of_bytes(&tar(&files())).as_str(),
            "1dd7ad038e32f810242b212e2fcece1743f046f79c707a23673df5311d95aec8"
        );
        assert_eq!(pack(&files())[..10], GZIP_HEAD);
    }

    #[test]
    fn entries_that_lead_elsewhere_are_refused_by_name() {
        let plain = EntryType::Regular;
        let of = |path: &str| refusal(&entry(path.as_bytes(), plain, None));
        assert_eq!(of("/etc/x"), "its entry `/etc/x` has a path that begins elsewhere");
        assert_eq!(of("../x"), "its entry `../x` has a path that leads elsewhere");
        assert_eq!(of("lua/../../x"), "its entry `lua/../../x` has a path that leads elsewhere");
        assert_eq!(of("c:/x"), "its entry `c:/x` has a path that begins elsewhere");
        assert_eq!(of("lua\\x"), "its entry `lua\\x` has a path that begins elsewhere");
        assert_eq!(of("a b"), "its entry `a b` has a name that not every system can hold");
        let link = entry(b"x", EntryType::Symlink, Some("/etc/passwd"));
        assert_eq!(refusal(&link), "its entry `x` is a link, which a package never has");
        let link = entry(b"x", EntryType::Link, Some("../y"));
        assert_eq!(refusal(&link), "its entry `x` is a link, which a package never has");
        for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::Directory] {
            let told = refusal(&entry(b"x", kind, None));
            assert_eq!(told, "its entry `x` is no plain file, and a package has nothing else");
        }
        for kind in [EntryType::XHeader, EntryType::GNULongName, EntryType::GNUSparse] {
            assert!(refusal(&entry(b"x", kind, None)).contains("no plain file"), "{kind:?}");
        }
    }

    #[test]
    fn names_that_stand_twice_or_differ_in_case_are_refused() {
        let two = |one: &[u8], other: &[u8]| {
            let plain = EntryType::Regular;
            [entry(one, plain, None), entry(other, plain, None), vec![0; 1024]].concat()
        };
        assert_eq!(refusal(&two(b"a", b"a")), "its entry `a` stands in it twice");
        assert_eq!(refusal(&two(b"A", b"a")), "its entry `a` differs from another in case alone");
    }

    #[test]
    fn another_layout_of_the_same_files_is_refused() {
        let sound = tar(&files());
        let mut reordered = [&sound[1024..2048], &sound[..1024], &sound[2048..]].concat();
        assert!(matches!(unpack(&forged(&reordered)), Err(Fault::NotCanonical)));
        reordered = [sound.as_slice(), &[0; 512]].concat();
        assert!(matches!(unpack(&forged(&reordered)), Err(Fault::NotCanonical)), "a longer end");
        let mut owned = sound.clone();
        // The owner's number, and a checksum that fits it.
        owned[108..116].copy_from_slice(b"0001750\0");
        let mut header = Header::new_ustar();
        header.as_mut_bytes().copy_from_slice(&owned[..512]);
        header.set_cksum();
        owned[..512].copy_from_slice(header.as_bytes());
        assert!(matches!(unpack(&forged(&owned)), Err(Fault::NotCanonical)), "another owner");
        let mut padded = sound;
        padded[600] = b'x';
        assert!(matches!(unpack(&forged(&padded)), Err(Fault::NotCanonical)), "padding");
    }

    #[test]
    fn bombs_are_refused_before_they_go_off() {
        let many: Vec<u8> = (0..=ENTRIES_MAX)
            .flat_map(|number| entry(format!("f{number}").as_bytes(), EntryType::Regular, None))
            .collect();
        assert!(refusal(&many).contains("more than 4096 files"), "{}", refusal(&many));
        let zeros = vec![0; 8 << 20];
        assert!(refusal(&zeros).contains("over 200 times its size"), "{}", refusal(&zeros));
        let huge = vec![0; ARCHIVE_BYTES_MAX + 1];
        assert!(matches!(unpack(&huge), Err(Fault::TooLarge { .. })));
        let mut lying = entry(b"a", EntryType::Regular, None);
        lying[124..136].copy_from_slice(b"77777777777\0");
        let mut header = Header::new_ustar();
        header.as_mut_bytes().copy_from_slice(&lying);
        header.set_cksum();
        assert!(unpack(&forged(header.as_bytes())).is_err(), "a size of 8 GiB");
    }

    #[test]
    fn what_follows_the_end_is_refused() {
        let sound = pack(&files());
        assert!(unpack(&[sound.as_slice(), b"x"].concat()).is_err());
        assert!(unpack(&[sound.as_slice(), sound.as_slice()].concat()).is_err());
        // Between the deflate stream's end and the trailer, under a digest that fits.
        let mut body = sound[BODY_AT..].to_vec();
        body.insert(body.len() - TRAILER_BYTES, 0);
        let digest = Digest::of_bytes(&body);
        let padded =
            [&GZIP_HEAD, COMMENT, digest.as_str().as_bytes(), &[0], body.as_slice()].concat();
        assert_eq!(
            unpack(&padded).unwrap_err().to_string(),
            "it is damaged: something follows its end"
        );
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused() {
        let sound = pack(&files());
        for at in 0..sound.len() {
            for bit in 0..8 {
                let mut changed = sound.clone();
                changed[at] ^= 1 << bit;
                assert!(unpack(&changed).is_err(), "byte {at}, bit {bit}");
            }
        }
        for end in 0..sound.len() {
            assert!(unpack(&sound[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let _ = unpack(&bytes);
            let _ = unpack(&forged(&bytes));
        }

        #[test]
        fn no_change_of_a_tar_makes_it_panic(
            changes in proptest::collection::vec((0_usize..3072, any::<u8>()), 1..8)
        ) {
            let mut tarred = tar(&files());
            for (at, byte) in changes {
                let at = at % tarred.len();
                tarred[at] = byte;
            }
            if let Ok(read) = unpack(&forged(&tarred)) {
                prop_assert_eq!(tar(&read), tarred);
            }
        }
    }
}
