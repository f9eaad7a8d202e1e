import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Scanner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import org.apache.kafka.common.utils.Exit;

/**
 * Runs many of Kafka's command-line tools in one JVM, because starting one costs more than most of them do.
 *
 * Each line of the input is a run: the class, what the tool reads, and its arguments, separated by tabs. Each line of the
 * output is its result: the exit code, what it printed, and what it complained of. In the fields, tabs, line ends and
 * backslashes are written as \t, \n and \\.
 *
 * A tool that exits is stopped where it stands, as by a real exit: nothing behind the call runs, and its thread is left. What
 * threads of earlier runs still print is kept apart by run.
 */
public final class ToolDriver {
    /** A run that has not ended by itself in this time is a failure. */
    private static final long LIMIT_SECONDS = 60;

    /** One run of a tool. */
    private static final class Run {
        final InputStream input;
        final ByteArrayOutputStream output = new ByteArrayOutputStream();
        final ByteArrayOutputStream complaints = new ByteArrayOutputStream();
        final CompletableFuture<Integer> exit = new CompletableFuture<>();
        final List<Runnable> hooks = new CopyOnWriteArrayList<>();

        Run(String input) {
            this.input = new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8));
        }
    }

    /** The run that a thread belongs to: threads inherit it from those that start them. */
    private static final InheritableThreadLocal<Run> CURRENT = new InheritableThreadLocal<>();

    private ToolDriver() { }

    public static void main(String[] args) {
        PrintStream results = System.out;
        Scanner lines = new Scanner(System.in, StandardCharsets.UTF_8);
        System.setIn(new RunInput());
        System.setOut(new PrintStream(new RunOutput(false), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new RunOutput(true), true, StandardCharsets.UTF_8));
        Exit.setExitProcedure((status, message) -> stop(status));
        Exit.setHaltProcedure((status, message) -> stop(status));
        Exit.setShutdownHookAdder((name, hook) -> {
            if (CURRENT.get() != null) {
                CURRENT.get().hooks.add(hook);
            }
        });
        while (lines.hasNextLine()) {
            String[] fields = Arrays.stream(lines.nextLine().split("\t", -1)).map(ToolDriver::unescape).toArray(String[]::new);
            results.println(run(fields[0], fields[1], Arrays.copyOfRange(fields, 2, fields.length)));
        }
        Runtime.getRuntime().halt(0);
    }

    private static String run(String tool, String input, String[] args) {
        Run run = new Run(input);
        Thread thread = new Thread(() -> {
            CURRENT.set(run);
            try {
                Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
                run.exit.complete(0);
            } catch (Throwable error) {
                Throwable cause = error.getCause() == null ? error : error.getCause();
                cause.printStackTrace();
                run.exit.complete(1);
            }
        }, tool);
        thread.setDaemon(true);
        thread.start();
        String status;
        try {
            status = Integer.toString(run.exit.get(LIMIT_SECONDS, TimeUnit.SECONDS));
            CURRENT.set(run);
            run.hooks.forEach(Runnable::run);
        } catch (TimeoutException error) {
            status = "did not end";
        } catch (Exception error) {
            status = error.toString();
        } finally {
            CURRENT.remove();
        }
        return String.join("\t", status, text(run.output), text(run.complaints));
    }

    /** Ends a tool in the middle of what it does. */
    private static void stop(int status) {
        CURRENT.get().exit.complete(status);
        while (true) {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException ignored) {
                // Nothing more of this tool is to run.
            }
        }
    }

    private static String text(ByteArrayOutputStream bytes) {
        synchronized (bytes) {
            String text = bytes.toString(StandardCharsets.UTF_8);
            return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n");
        }
    }

    private static String unescape(String field) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            char c = field.charAt(i);
            if (c != '\\') {
                text.append(c);
            } else {
                i++;
                char escaped = field.charAt(i);
                text.append(escaped == 't' ? '\t' : escaped == 'n' ? '\n' : escaped);
            }
        }
        return text.toString();
    }

    private static final class RunInput extends InputStream {
        @Override
        public int read() throws java.io.IOException {
            return CURRENT.get().input.read();
        }

        @Override
        public int read(byte[] bytes, int from, int length) throws java.io.IOException {
            return CURRENT.get().input.read(bytes, from, length);
        }

        @Override
        public int available() throws java.io.IOException {
            return CURRENT.get().input.available();
        }
    }

    private static final class RunOutput extends OutputStream {
        private final boolean isComplaint;

        RunOutput(boolean isComplaint) {
            this.isComplaint = isComplaint;
        }

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int length) {
            Run run = CURRENT.get();
            if (run == null) {
                return;
            }
            ByteArrayOutputStream to = isComplaint ? run.complaints : run.output;
            synchronized (to) {
                to.write(bytes, from, length);
            }
        }
    }
}
