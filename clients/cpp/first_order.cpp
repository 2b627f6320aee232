// Watches a quote, buys at the market, follows the order to its end: `build/first_order [PORT_BASE | KEY_FILE]`.
// A cluster with keys wants the file that `twsmq keys add cpp --rights trader:cpp` writes.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "twsmq.hpp"

/** A number is a port base, anything else a key file. */
twsmq::Result<twsmq::Cluster> cluster_at(const std::string& where) {
  if (where.find_first_not_of("0123456789") != std::string::npos) return twsmq::Cluster::from_file(where);
  twsmq::Result<twsmq::Cluster> made;
  made.value = twsmq::Cluster::local(std::atoi(where.c_str()));
  return made;
}

int main(int argc, char** argv) {
  using std::chrono::seconds;
  const std::string instrument = "STK:AAPL:SMART:USD";
  const auto cluster = cluster_at(argc > 1 ? argv[1] : "5500");
  if (!cluster) {
    std::cerr << cluster.error.message << "\n";
    return 1;
  }
  twsmq::Client client(cluster.value);
  client.subscribe("quote/" + instrument + "/");  // this is what starts the line
  client.subscribe("order/cpp/");

  for (;;) {
    const auto event = client.next(seconds(30));
    if (!event) {
      const auto refusal = client.refusal();
      std::cerr << (refusal ? refusal->message : "nothing came for 30 s; is the cluster up? (twsmq status)") << "\n";
      return 1;
    }
    const auto quote = event->as<twsmq::Quote>();
    if (quote && quote->ask) {
      std::cout << "ask " << *quote->ask << "\n";
      break;
    }
  }

  twsmq::PlaceOrder order;
  order.strategy = "cpp";
  order.client_order_id = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  order.instrument = instrument;
  order.side = "BUY";
  order.quantity = 10;
  order.order_type = "MKT";
  auto accepted = client.place(order);
  while (accepted.error.kind == twsmq::Error::Kind::outcome_unknown || accepted.error.code == "not_ready") {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    accepted = client.place(order);  // the same order is never placed twice
  }
  if (!accepted) {
    std::cerr << accepted.error.code << ": " << accepted.error.message << "\n";
    return 1;
  }
  const auto end = client.done(order.strategy, order.client_order_id, seconds(60), [](const twsmq::Event& event) {
    if (const auto fill = event.as<twsmq::Fill>()) std::cout << "filled " << fill->quantity << " at " << fill->price << "\n";
  });
  std::cout << (end ? end->status : std::string("not known yet")) << "\n";
  return end && end->status == "filled" ? 0 : 1;
}
