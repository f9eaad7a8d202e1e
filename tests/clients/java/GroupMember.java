import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A member of a consumer group, by Kafka's own consumer (see ../README.md). */
public final class GroupMember implements ConsumerRebalanceListener {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private final KafkaConsumer<String, String> consumer;
    private final TreeSet<Integer> owned = new TreeSet<>();
    private boolean uncommitted;

    private GroupMember(Properties settings) {
        consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    public static void main(String[] args) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("group.id", args[1]);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        if (args.length > 5) {
            settings.put("group.instance.id", args[5]);
        }
        switch (args[3]) {
            case "consumer":
                settings.put("group.protocol", "consumer");
                break;
            case "eager":
            case "cooperative":
                Class<?> assignor = args[3].equals("eager") ? RangeAssignor.class : CooperativeStickyAssignor.class;
                settings.put("partition.assignment.strategy", assignor.getName());
                settings.put("session.timeout.ms", args[4]);
                settings.put("heartbeat.interval.ms", "500");
                break;
            default:
                throw new IllegalArgumentException("unknown protocol " + args[3]);
        }
        new GroupMember(settings).run(args[2]);
    }

    private void run(String topic) {
        Thread input = new Thread(GroupMember::awaitEndOfInput, "input");
        input.setDaemon(true);
        input.start();
        try (consumer) {
            consumer.subscribe(List.of(topic), this);
            while (input.isAlive() || uncommitted) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                if (!records.isEmpty()) {
                    sayRead(records);
                    uncommitted = true;
                }
                commit();
            }
        }
    }

    private static void awaitEndOfInput() {
        try {
            while (System.in.read() >= 0) {
                // What is written to a member means nothing; only the end does.
            }
        } catch (IOException error) {
            error.printStackTrace();
        }
    }

    /** What is refused because of a rebalance is tried again when a partition is taken away, or after the next poll. */
    private void commit() {
        if (uncommitted) {
            try {
                consumer.commitSync();
                uncommitted = false;
            } catch (RebalanceInProgressException tooEarly) {
                // Nothing is lost: the positions stay.
            } catch (CommitFailedException refused) {
                say(JSON.objectNode().put("refused", refused.getMessage()));
            }
        }
    }

    private void sayRead(ConsumerRecords<String, String> records) {
        ArrayNode read = JSON.arrayNode();
        for (ConsumerRecord<String, String> record : records) {
            read.add(JSON.arrayNode().add(record.partition()).add(record.offset()).add(record.value()));
        }
        say(JSON.objectNode().set("read", read));
    }

    private void sayOwned() {
        ArrayNode partitions = JSON.arrayNode();
        owned.forEach(partitions::add);
        say(JSON.objectNode().set("owns", partitions));
    }

    private static void say(ObjectNode what) {
        System.out.println(what);
        System.out.flush();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        partitions.forEach(partition -> owned.add(partition.partition()));
        sayOwned();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        commit();
        onPartitionsLost(partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        partitions.forEach(partition -> owned.remove(partition.partition()));
        sayOwned();
    }
}
