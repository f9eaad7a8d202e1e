// A group member by kafkajs (see ../README.md).
'use strict'

const { Kafka, logLevel } = require('kafkajs')

const [bootstrap, groupId, topic, protocol, sessionTimeout] = process.argv.slice(2)
if (protocol !== 'eager') throw new Error(`kafkajs has no protocol ${protocol}`)

const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.WARN, logCreator: toStandardError })
const consumer = kafka.consumer({
  groupId,
  sessionTimeout: Number(sessionTimeout),
  rebalanceTimeout: 10000,
  heartbeatInterval: 500,
  maxWaitTimeInMs: 100
})

function toStandardError() {
  return ({ log }) => console.error(log.message, log.error ?? '')
}

const say = what => process.stdout.write(JSON.stringify(what) + '\n')

async function read({ batch, isStale }) {
  if (isStale() || batch.messages.length === 0) return
  say({ read: batch.messages.map(({ offset, value }) => [batch.partition, Number(offset), value.toString()]) })
  const offset = String(Number(batch.lastOffset()) + 1)
  await consumer.commitOffsets([{ topic, partition: batch.partition, offset }])
}

async function main() {
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => say({ owns: payload.memberAssignment[topic] ?? [] }))
  consumer.on(consumer.events.REBALANCING, () => say({ owns: [] }))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachBatch: read })
  // The end of standard input is the sign to leave.
  for await (const _ of process.stdin);
  await consumer.disconnect()
}

main()
