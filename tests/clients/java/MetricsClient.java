import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** A producer that pushes its metrics, as every Java client does unless told otherwise (see ../README.md). */
public final class MetricsClient {
    private MetricsClient() {}

    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("client.id", args[2]);
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(args[1], "value")).get();
            // Until standard input ends.
            while (System.in.read() >= 0) {
                continue;
            }
        }
    }
}
