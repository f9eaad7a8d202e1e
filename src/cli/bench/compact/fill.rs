//! Fills one partition with batches that differ, several requests in flight.

use std::net::TcpStream;
use std::ops::Range;

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use model::ErrorCode;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::lane::Lane;
use super::super::{BenchError, answer};
use super::records::Keyed;
use crate::cli::client::admin::topic_name;
use crate::cli::client::compression::Codec;
use crate::cli::client::connection::frame;

/// Requests that wait for their answers at once.
const IN_FLIGHT: usize = 16;
/// Seconds that an answer may take.
const SILENT_SECONDS: u64 = 60;

/// Sends the records of `offsets`, in batches of `batch_bytes` before compression.
///
/// # Errors
/// A broker that refuses, answers wrongly, or does not answer.
pub(super) fn fill(
    (socket, version): (TcpStream, i16),
    topic: &str,
    keyed: &Keyed,
    offsets: Range<u64>,
    (batch_bytes, codec): (usize, Codec),
) -> Result<(), BenchError> {
    let mut lane = Lane::new(socket)?;
    let (mut next, end, mut in_flight) = (offsets.start, offsets.end, 0);
    while next < end || in_flight > 0 {
        while next < end && in_flight < IN_FLIGHT {
            let batch = keyed.batch(next, end, batch_bytes);
            next += u64::try_from(batch.count()).unwrap_or(0);
            let batch = batch.finish(codec, None).map_err(BenchError::Template)?;
            lane.queue(request(topic, batch, version)?, None);
            in_flight += 1;
            lane.flush()?;
        }
        lane.flush()?;
        let timeout = Timespec { tv_sec: i64::try_from(SILENT_SECONDS).unwrap_or(0), tv_nsec: 0 };
        let writing = if lane.unsent() > 0 { PollFlags::OUT } else { PollFlags::empty() };
        let ready = poll(&mut [PollFd::new(&lane, PollFlags::IN | writing)], Some(&timeout));
        if ready.map_err(std::io::Error::from)? == 0 {
            return Err(BenchError::Silent(in_flight, SILENT_SECONDS));
        }
        lane.receive(&mut |frame| {
            in_flight = in_flight.saturating_sub(1);
            let code = answer::produced(frame, version)?.error_code;
            if code == ErrorCode::None.code() { Ok(()) } else { Err(BenchError::Refused(code)) }
        })?;
    }
    Ok(())
}

fn request(topic: &str, batch: Vec<u8>, version: i16) -> Result<Vec<u8>, BenchError> {
    let data = PartitionProduceData::default().with_index(0).with_records(Some(Bytes::from(batch)));
    let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![topic]);
    frame(&request, version, 0).map_err(BenchError::Template)
}
