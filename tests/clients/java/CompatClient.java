import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's own clients: a JSON request a line in, a JSON answer a line out (see ../README.md). */
public final class CompatClient implements AutoCloseable {
    private static final int LIMIT_SECONDS = 30;
    private static final int MAX_BYTES = 20_000_000;
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private final String bootstrap;
    private final Admin admin;
    private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();

    private CompatClient(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] args) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        mapper.getFactory().setStreamReadConstraints(
            StreamReadConstraints.builder().maxStringLength(4 * MAX_BYTES).build());
        try (CompatClient client = new CompatClient(args[0])) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                out.println(mapper.writeValueAsString(client.answer(mapper.readTree(line))));
                out.flush();
            }
        }
    }

    private ObjectNode answer(JsonNode request) {
        ObjectNode answer = JSON.objectNode();
        try {
            return answer.set("ok", act(request));
        } catch (ExecutionException | ApiException error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            return answer.put("error", String.valueOf(cause)).put("code", Errors.forException(cause).code());
        } catch (Exception error) {
            error.printStackTrace();
            return answer.put("error", String.valueOf(error)).put("code", -1);
        }
    }

    private JsonNode act(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        switch (request.get("do").asText()) {
            case "create_topic": {
                NewTopic created = new NewTopic(topic, request.get("partitions").asInt(), (short) 1);
                return done(admin.createTopics(List.of(created.configs(strings(request.get("configs"))))).all());
            }
            case "delete_topic":
                return done(admin.deleteTopics(List.of(topic)).all());
            case "create_partitions": {
                NewPartitions total = NewPartitions.increaseTo(request.get("total").asInt());
                return done(admin.createPartitions(Map.of(topic, total)).all());
            }
            case "list_topics": {
                ArrayNode names = JSON.arrayNode();
                wait(admin.listTopics().names()).forEach(names::add);
                return names;
            }
            case "count_partitions": {
                return JSON.numberNode(wait(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size());
            }
            case "describe_configs":
                return describeConfigs(topic);
            case "alter_configs":
                return alterConfigs(topic, strings(request.get("set")));
            case "produce":
                return produce(request);
            case "fetch":
                return fetch(request);
            case "list_offset":
                return listOffset(partition(request), request.get("at"));
            default:
                throw new IllegalArgumentException("unknown request " + request);
        }
    }

    private JsonNode describeConfigs(String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        ObjectNode configs = JSON.objectNode();
        for (ConfigEntry entry : wait(admin.describeConfigs(List.of(resource)).all()).get(resource).entries()) {
            configs.put(entry.name(), entry.value());
        }
        return configs;
    }

    private JsonNode alterConfigs(String topic, Map<String, String> set) throws Exception {
        List<AlterConfigOp> changes = new ArrayList<>();
        set.forEach((name, value) -> changes.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return done(admin.incrementalAlterConfigs(Map.of(resource, changes)).all());
    }

    private JsonNode produce(JsonNode request) throws Exception {
        TopicPartition to = partition(request);
        KafkaProducer<byte[], byte[]> producer = producers.computeIfAbsent(request.get("codec").asText(), this::producer);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : request.get("records")) {
            List<Header> headers = new ArrayList<>();
            record.get("headers").forEach(pair -> headers.add(new RecordHeader(pair.get(0).asText(), bytes(pair.get(1)))));
            sent.add(producer.send(new ProducerRecord<>(
                to.topic(), to.partition(), record.get("timestamp").asLong(),
                bytes(record.get("key")), bytes(record.get("value")), headers)));
        }
        ArrayNode offsets = JSON.arrayNode();
        for (Future<RecordMetadata> one : sent) {
            offsets.add(wait(one).offset());
        }
        return offsets;
    }

    /** Idempotent with acks=all, as by default. */
    private KafkaProducer<byte[], byte[]> producer(String codec) {
        return new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap, "compression.type", codec, "max.request.size", MAX_BYTES, "linger.ms", 5),
            new ByteArraySerializer(), new ByteArraySerializer());
    }

    private JsonNode fetch(JsonNode request) throws Exception {
        TopicPartition from = partition(request);
        int count = request.get("count").asInt();
        Map<String, Object> config = Map.of(
            "bootstrap.servers", bootstrap, "auto.offset.reset", "none", "enable.auto.commit", false,
            "max.partition.fetch.bytes", MAX_BYTES, "max.poll.records", count);
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(from));
            JsonNode start = request.get("start");
            if (start.has("timestamp")) {
                consumer.seek(from, consumer.offsetsForTimes(Map.of(from, start.get("timestamp").asLong())).get(from).offset());
            } else {
                consumer.seek(from, start.get("offset").asLong());
            }
            return collect(consumer, count);
        }
    }

    private static ArrayNode collect(KafkaConsumer<byte[], byte[]> consumer, int count) throws TimeoutException {
        ArrayNode records = JSON.arrayNode();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (records.size() < count) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                if (records.size() < count) {
                    records.add(fetched(record));
                }
            }
            if (System.nanoTime() > deadline) {
                throw new TimeoutException(records.size() + " of " + count + " records arrived");
            }
        }
        return records;
    }

    private static ObjectNode fetched(ConsumerRecord<byte[], byte[]> record) {
        ArrayNode headers = JSON.arrayNode();
        record.headers().forEach(header -> headers.add(JSON.arrayNode().add(header.key()).add(hex(header.value()))));
        ObjectNode json = JSON.objectNode().put("offset", record.offset()).put("timestamp", record.timestamp());
        json.put("key", hex(record.key())).put("value", hex(record.value())).set("headers", headers);
        return json;
    }

    private JsonNode listOffset(TopicPartition partition, JsonNode at) throws Exception {
        return JSON.numberNode(wait(admin.listOffsets(Map.of(partition, spec(at))).all()).get(partition).offset());
    }

    private static OffsetSpec spec(JsonNode at) {
        switch (at.asText()) {
            case "earliest":
                return OffsetSpec.earliest();
            case "latest":
                return OffsetSpec.latest();
            case "max_timestamp":
                return OffsetSpec.maxTimestamp();
            default:
                return OffsetSpec.forTimestamp(at.get("timestamp").asLong());
        }
    }

    private static TopicPartition partition(JsonNode request) {
        return new TopicPartition(request.get("topic").asText(), request.get("partition").asInt());
    }

    private static JsonNode done(Future<Void> future) throws Exception {
        wait(future);
        return JSON.nullNode();
    }

    private static <T> T wait(Future<T> future) throws Exception {
        return future.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    private static Map<String, String> strings(JsonNode object) {
        Map<String, String> map = new HashMap<>();
        object.properties().forEach(field -> map.put(field.getKey(), field.getValue().asText()));
        return map;
    }

    private static byte[] bytes(JsonNode hex) {
        return hex.isNull() ? null : HexFormat.of().parseHex(hex.asText());
    }

    private static String hex(byte[] bytes) {
        return Optional.ofNullable(bytes).map(HexFormat.of()::formatHex).orElse(null);
    }

    @Override
    public void close() {
        producers.values().forEach(KafkaProducer::close);
        admin.close();
    }
}
