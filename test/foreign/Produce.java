/** Sends what standard input says with Kafka's own client; see test/harness/kafka-clients.ts for the JSON. */

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Produce {
  public static void main(String[] args) throws Exception {
    JsonNode plan = new ObjectMapper().readTree(System.in);
    for (JsonNode run : plan.get("runs")) {
      Properties config = new Properties();
      config.put("bootstrap.servers", plan.get("brokers").asText());
      config.put("max.request.size", 1 << 30);
      config.put("buffer.memory", 512L << 20);
      run.get("config").fields().forEachRemaining(entry -> config.put(entry.getKey(), entry.getValue().asText()));
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      var bytes = new ByteArraySerializer();
      try (var producer = new KafkaProducer<byte[], byte[]>(config, bytes, bytes)) {
        if (config.containsKey("transactional.id")) producer.initTransactions();
        for (JsonNode step : run.get("steps")) {
          switch (step.asText()) {
            case "begin" -> producer.beginTransaction();
            case "commit" -> producer.commitTransaction();
            case "abort" -> {
              producer.flush();
              producer.abortTransaction();
            }
            default -> sent.add(producer.send(record(run.get("topic").asText(), step)));
          }
        }
        producer.flush();
        for (Future<RecordMetadata> one : sent) one.get();
      }
    }
  }

  static ProducerRecord<byte[], byte[]> record(String topic, JsonNode step) throws Exception {
    List<Header> headers = new ArrayList<>();
    for (JsonNode header : step.get("headers")) {
      headers.add(new RecordHeader(header.get(0).asText(), data(header.get(1))));
    }
    byte[] value = step.has("zeros") ? new byte[step.get("zeros").asInt()] : data(step.get("value"));
    Long timestamp = step.has("timestamp") ? step.get("timestamp").asLong() : null;
    return new ProducerRecord<>(topic, null, timestamp, data(step.get("key")), value, headers);
  }

  static byte[] data(JsonNode text) throws Exception {
    return text.isNull() ? null : text.binaryValue();
  }
}
