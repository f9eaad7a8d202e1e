//! Headers and bodies of requests, and of responses, which the command line reads: by message and version, as the first two
//! bytes choose. What can be read can be written again, and then reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::wire::Reader;
use protocol::frame::RequestHeader;
use protocol::testing::CASES;

fuzz_target!(|input: &[u8]| {
    let [message, version, bytes @ ..] = input else { return };
    let _header = fuzz::frugal(bytes.len(), || RequestHeader::parse(&mut Reader::new(bytes)).is_ok());
    let Some(case) = CASES.get(usize::from(*message) % CASES.len()) else { return };
    let count = usize::try_from(case.versions.end() - case.versions.start() + 1).unwrap_or(1);
    let Some(version) = case.versions.clone().nth(usize::from(*version) % count) else { return };
    let is_read = fuzz::frugal(bytes.len(), || (case.decode)(bytes, version).is_ok());
    if !is_read {
        return;
    }
    if let Ok(first) = (case.reencode)(bytes, version) {
        let second = (case.reencode)(&first.bytes, version);
        assert_eq!(Ok(first), second, "{} {version}", case.name);
    }
});
