//! What the codecs of the data path cost: `cargo bench --package protocol`. Each figure is the best of many short runs, so
//! that a busy machine disturbs it least.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench: it measures time, prints it, and stops at the first surprise"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use model::TopicId;
use protocol::frame::Frame;
use protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData,
};
use protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
    TopicProduceResponse,
};
use protocol::{Encode, Encoder, ResponseRecords, decode_body};

const CALLS: u32 = 2_000;
const RUNS: u32 = 500;

fn report<T>(what: &str, mut call: impl FnMut() -> T) {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        best = best.min(start.elapsed());
    }
    println!("{what:<48} {:>8.1} ns", best.as_secs_f64() * 1e9 / f64::from(CALLS));
}

fn body(message: &impl Encode, version: i16) -> Vec<u8> {
    let mut encoder = Encoder::new();
    message.encode(&mut encoder, version).unwrap();
    encoder.into_parts().0
}

fn main() {
    let topic_id = TopicId::from_bytes([7; 16]);
    let records = vec![7; 100];

    let partition_data = vec![PartitionProduceData { index: 0, records: Some(&records) }];
    let topic_data = vec![TopicProduceData { topic_id, partition_data, ..TopicProduceData::default() }];
    let produce = body(&ProduceRequest { topic_data, ..ProduceRequest::default() }, 13);
    report("read a Produce request, one partition", || decode_body::<ProduceRequest<'_>>(black_box(&produce), 13));

    let partition_responses = vec![PartitionProduceResponse::default()];
    let responses = vec![TopicProduceResponse { topic_id, partition_responses, ..TopicProduceResponse::default() }];
    let produced = ProduceResponse { responses, ..ProduceResponse::default() };
    report("write its answer", || Frame::response(1, 13, black_box(&produced)));

    let topics =
        vec![FetchTopic { topic_id, partitions: vec![FetchPartition::default(); 10], ..FetchTopic::default() }];
    let fetch = body(&FetchRequest { topics, ..FetchRequest::default() }, 18);
    report("read a Fetch request, ten partitions", || decode_body::<FetchRequest<'_>>(black_box(&fetch), 18));

    let records = Some(ResponseRecords::Spliced { size: 1 << 20 });
    let partitions = vec![PartitionData { records, ..PartitionData::default() }; 10];
    let responses = vec![FetchableTopicResponse { topic_id, partitions, ..FetchableTopicResponse::default() }];
    let fetched = FetchResponse { responses, ..FetchResponse::default() };
    report("write its answer, 10 MiB in ten splices", || Frame::response(1, 18, black_box(&fetched)));
}
