import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.CompactArrayOf;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.requests.RequestHeader;

/**
 * Kafka's own message classes behind a pipe. Each question on standard input is: operation (1 byte), class name
 * (modified UTF-8), version (2 bytes), payload (4 bytes of size, bytes). Each answer on standard output is: 0 and the
 * bytes, or 1 and what went wrong (each with 4 bytes of size).
 */
public class Oracle {
    public static void main(String[] args) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
        while (true) {
            byte operation;
            try {
                operation = in.readByte();
            } catch (EOFException end) {
                return;
            }
            String name = in.readUTF();
            short version = in.readShort();
            byte[] payload = in.readNBytes(in.readInt());
            byte status = 0;
            byte[] answer;
            try {
                answer = switch (operation) {
                    case 'r' -> write(read(name, version, payload), version);
                    case 'g' -> write((Message) random(messageClass(name), version, new Random(ByteBuffer.wrap(payload).getLong())), version);
                    case 's' -> schema(name, version).getBytes(StandardCharsets.UTF_8);
                    case 'h' -> header(payload).getBytes(StandardCharsets.UTF_8);
                    case 'a' -> apis().getBytes(StandardCharsets.UTF_8);
                    default -> throw new IllegalArgumentException("no operation " + operation);
                };
            } catch (Throwable problem) {
                status = 1;
                answer = problem.toString().getBytes(StandardCharsets.UTF_8);
            }
            out.writeByte(status);
            out.writeInt(answer.length);
            out.write(answer);
            if (in.available() == 0) {
                out.flush();
            }
        }
    }

    private static final Map<String, Class<?>> CLASSES = new HashMap<>();

    /** `FetchRequest` is a message of the clients, `OffsetCommitKey` a record of a coordinator. */
    private static Class<?> messageClass(String name) {
        return CLASSES.computeIfAbsent(name, wanted -> {
            for (String place : List.of("common.message.%sData", "coordinator.group.generated.%s", "coordinator.transaction.generated.%s")) {
                try {
                    return Class.forName("org.apache.kafka." + String.format(place, wanted));
                } catch (ClassNotFoundException next) {
                    // Another place has it.
                }
            }
            throw new IllegalArgumentException("no class for " + wanted);
        });
    }

    private static Message read(String name, short version, byte[] bytes) throws Exception {
        Message message = (Message) messageClass(name).getDeclaredConstructor().newInstance();
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        message.read(new ByteBufferAccessor(buffer), version);
        if (buffer.hasRemaining()) {
            throw new IllegalStateException(buffer.remaining() + " bytes left over in " + message);
        }
        return message;
    }

    private static byte[] write(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return buffer.array();
    }

    /** What a request's header says, and how many bytes it takes. */
    private static String header(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        RequestHeader header = RequestHeader.parse(buffer);
        return header.apiKey().name + " " + header.apiVersion() + " " + header.correlationId() + " " + header.clientId()
            + " " + buffer.position();
    }

    /** A line for each API of the client listener: code, name, and for each version the versions of its headers. */
    private static String apis() {
        StringBuilder text = new StringBuilder();
        for (ApiMessageType api : ApiMessageType.values()) {
            if (!api.listeners().contains(ApiMessageType.ListenerType.BROKER)) {
                continue;
            }
            text.append(api.apiKey()).append(' ').append(api.name);
            for (short version = api.lowestSupportedVersion(); version <= api.highestSupportedVersion(false); version++) {
                text.append(' ').append(version).append(':').append(api.requestHeaderVersion(version));
                text.append('/').append(api.responseHeaderVersion(version));
            }
            text.append('\n');
        }
        return text.toString();
    }

    private static Schema schemaOf(Class<?> owner, short version) throws Exception {
        return ((Schema[]) owner.getField("SCHEMAS").get(null))[version];
    }

    private static String schema(String name, short version) throws Exception {
        return describe(schemaOf(messageClass(name), version));
    }

    private static String describe(Type type) {
        if (type instanceof Schema schema) {
            List<String> fields = new ArrayList<>();
            for (BoundField field : schema.fields()) {
                fields.add(field.def.type instanceof TaggedFields ? describe(field.def.type) : field.def.name + ":" + describe(field.def.type));
            }
            return "{" + String.join(" ", fields) + "}" + (type.isNullable() ? "?" : "");
        }
        if (type instanceof TaggedFields tagged) {
            List<String> fields = new ArrayList<>();
            tagged.fields().forEach((tag, field) -> fields.add(tag + "=" + field.name + ":" + describe(field.type)));
            return "<" + String.join(" ", fields) + ">";
        }
        if (type.isArray()) {
            String form = type instanceof CompactArrayOf ? "compact" : "";
            return form + "[" + describe(type.arrayElementType().get()) + "]" + (type.isNullable() ? "?" : "");
        }
        return type.toString();
    }

    /** A random value of a message or of a struct in it, with every field that the version has. */
    private static Object random(Class<?> owner, short version, Random random) throws Exception {
        Object value = owner.getDeclaredConstructor().newInstance();
        Map<String, Field> members = new HashMap<>();
        for (Field member : owner.getDeclaredFields()) {
            if (!Modifier.isStatic(member.getModifiers())) {
                members.put(snakeCase(member.getName()), member);
            }
        }
        for (BoundField field : schemaOf(owner, version).fields()) {
            if (field.def.type instanceof TaggedFields tagged) {
                for (org.apache.kafka.common.protocol.types.Field inner : tagged.fields().values()) {
                    set(value, members.get(inner.name), inner.type, version, random);
                }
            } else {
                set(value, members.get(field.def.name), field.def.type, version, random);
            }
        }
        return value;
    }

    private static void set(Object value, Field member, Type type, short version, Random random) throws Exception {
        member.setAccessible(true);
        Class<?> kind = member.getType();
        if (type.isNullable() && random.nextInt(3) == 0) {
            member.set(value, null);
        } else if (Collection.class.isAssignableFrom(kind)) {
            member.set(value, randomList(member, type, version, random));
        } else {
            member.set(value, randomValue(kind, type, version, random));
        }
    }

    @SuppressWarnings("unchecked")
    private static Object randomList(Field member, Type type, short version, Random random) throws Exception {
        Class<?> kind = member.getType();
        java.lang.reflect.Type generic = kind == List.class ? member.getGenericType() : kind.getGenericSuperclass();
        Class<?> element = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
        Collection<Object> list = kind == List.class ? new ArrayList<>() : (Collection<Object>) kind.getDeclaredConstructor().newInstance();
        for (int left = random.nextInt(4); left > 0; left--) {
            list.add(randomValue(element, type.arrayElementType().get(), version, random));
        }
        return list;
    }

    private static Object randomValue(Class<?> kind, Type type, short version, Random random) throws Exception {
        if (type instanceof Schema) {
            return random(kind, version, random);
        } else if (kind == boolean.class || kind == Boolean.class) {
            return random.nextBoolean();
        } else if (kind == byte.class || kind == Byte.class) {
            return (byte) integer(random);
        } else if (kind == short.class || kind == Short.class) {
            return (short) integer(random);
        } else if (type == Type.UINT16) {
            return random.nextInt(1 << 16);
        } else if (kind == int.class || kind == Integer.class) {
            return (int) integer(random);
        } else if (type == Type.UNSIGNED_INT32) {
            return integer(random) & 0xffffffffL;
        } else if (kind == long.class || kind == Long.class) {
            return integer(random);
        } else if (kind == double.class) {
            return random.nextGaussian();
        } else if (kind == Uuid.class) {
            return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
        } else if (kind == String.class) {
            return text(random);
        } else if (kind == byte[].class) {
            return bytes(random);
        } else if (kind == ByteBuffer.class) {
            return ByteBuffer.wrap(bytes(random));
        } else if (BaseRecords.class.isAssignableFrom(kind)) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes(random)));
        }
        throw new IllegalArgumentException("no random " + kind);
    }

    private static long integer(Random random) {
        return switch (random.nextInt(6)) {
            case 0 -> 0;
            case 1 -> -1;
            case 2 -> Long.MAX_VALUE;
            case 3 -> random.nextInt(200);
            default -> random.nextLong();
        };
    }

    private static String text(Random random) {
        String words = "tidelog Wasserstand 潮汐 прилив 🌊 ".repeat(random.nextInt(8) == 0 ? 10 : 1);
        int[] points = words.codePoints().toArray();
        int start = random.nextInt(points.length);
        return new String(points, start, random.nextInt(points.length - start + 1));
    }

    private static byte[] bytes(Random random) {
        byte[] bytes = new byte[random.nextInt(random.nextInt(8) == 0 ? 300 : 12)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static String snakeCase(String name) {
        StringBuilder snake = new StringBuilder();
        boolean afterCapital = true;
        for (char character : name.toCharArray()) {
            boolean capital = Character.isUpperCase(character);
            if (capital && !afterCapital) {
                snake.append('_');
            }
            snake.append(Character.toLowerCase(character));
            afterCapital = capital;
        }
        return snake.toString();
    }
}
