// kafkajs, which produces and administers here. It consumes only in groups.
'use strict'

const readline = require('node:readline')
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }

const kafka = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.WARN, logCreator: toStandardError })

function toStandardError() {
  return ({ log }) => console.error(log.message, log.error ?? '')
}

const unhex = text => (text === null ? null : Buffer.from(text, 'hex'))

// A kafkajs client asks for the metadata of every topic that it ever saw, and fails at all of them when one is gone. So each
// request has a client of its own.
async function using(client, action) {
  await client.connect()
  try {
    return await action(client)
  } finally {
    await client.disconnect()
  }
}

const administering = action => using(kafka.admin(), action)
const producing = action => using(kafka.producer({ idempotent: true }), action)

// kafkajs has one value or a list of values for a name, so headers that share a name are put together.
function headersOf(record) {
  const headers = {}
  for (const [name, value] of record.headers) {
    if (name in headers) headers[name] = [headers[name], unhex(value)].flat()
    else headers[name] = unhex(value)
  }
  return headers
}

const requests = {
  async create_topic({ topic, partitions, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const topics = [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }]
    const created = await administering(admin => admin.createTopics({ topics }))
    // All that kafkajs says of a topic that exists already.
    if (!created) throw Object.assign(new Error('the topic exists'), { code: 36 })
    return null
  },

  async delete_topic({ topic }) {
    await administering(admin => admin.deleteTopics({ topics: [topic] }))
    return null
  },

  async create_partitions({ topic, total }) {
    await administering(admin => admin.createPartitions({ topicPartitions: [{ topic, count: total }] }))
    return null
  },

  async list_topics() {
    return administering(admin => admin.listTopics())
  },

  async count_partitions({ topic }) {
    const { topics } = await administering(admin => admin.fetchTopicMetadata({ topics: [topic] }))
    return topics[0].partitions.length
  },

  async describe_configs({ topic }) {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }]
    const described = await administering(admin => admin.describeConfigs({ includeSynonyms: false, resources }))
    const entries = described.resources[0].configEntries
    return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]))
  },

  async alter_configs({ topic, set }) {
    const configEntries = Object.entries(set).map(([name, value]) => ({ name, value }))
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
    await administering(admin => admin.alterConfigs({ validateOnly: false, resources }))
    return null
  },

  async produce({ topic, partition, codec, records }) {
    const messages = records.map(record => ({
      partition,
      key: unhex(record.key),
      value: unhex(record.value),
      headers: headersOf(record),
      timestamp: String(record.timestamp)
    }))
    const offsets = []
    await producing(async producer => {
      // A call makes one batch, which must not be larger than the broker takes.
      for (let start = 0; start < messages.length; start += 2000) {
        const batch = messages.slice(start, start + 2000)
        const [sent] = await producer.send({ topic, acks: -1, compression: CODECS[codec], messages: batch })
        batch.forEach((_, index) => offsets.push(Number(sent.baseOffset) + index))
      }
    })
    return offsets
  },

  async list_offset({ topic, partition, at }) {
    if (at.timestamp !== undefined) {
      const found = await administering(admin => admin.fetchTopicOffsetsByTimestamp(topic, at.timestamp))
      return Number(found.find(entry => entry.partition === partition).offset)
    }
    const offsets = await administering(admin => admin.fetchTopicOffsets(topic))
    const found = offsets.find(entry => entry.partition === partition)
    return Number(at === 'earliest' ? found.low : found.high)
  }
}

async function answer(line) {
  const request = JSON.parse(line)
  try {
    return { ok: await requests[request.do](request) }
  } catch (error) {
    const cause = error.errors?.[0] ?? error
    return { error: String(cause.message), code: cause.code ?? -1 }
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n')
  }
}

main()
